// The perturbations, as in vaeaug.perturb.schemes. What is random is drawn once, so that a change of scale morphs smoothly.

/**
 * Returns what is random about one synthetic sample: `move(scale)` gives its code z', `step(scale)` is lam, and `partners`
 * are the real samples whose codes the scheme uses.
 */
function drawScheme(model, name, settings, sample, random) {
  return SCHEMES[name](model, settings, sample, random);
}

const SCHEMES = {
  posterior(model, settings, sample, random) {
    const noise = normalNoise(random, model.latent);
    const stddev = model.stddev(sample);
    return withoutPartners(model, sample, (scale, i) => scale * stddev[i] * noise[i], "z′ = z + scale · σ · noise");
  },

  covariance(model, settings, sample, random) {
    const noise = normalNoise(random, model.latent);
    const moved = timesFactor(model.covarianceFactor(sample, settings.pooled), noise);
    return withoutPartners(model, sample, (scale, i) => scale * moved[i], "z′ = z + scale · S½ · noise");
  },

  interpolate(model, settings, sample, random) {
    const partner = drawPartner(model, settings.neighbours, sample, random);
    return towards(model, sample, partner, 1, random());
  },

  extrapolate(model, settings, sample, random) {
    const partner = drawPartner(model, settings.neighbours, sample, random);
    return towards(model, sample, partner, -1, random());
  },

  difference(model, settings, sample, random) {
    const [first, second, largest] = [random(), random(), random()];
    const label = pairLabel(model, settings.pairs_from, sample, first, second);
    const [a, b] = model.randomPair(label, random);
    const isTable = model.facts.is_mixed;
    const strength = settings.noise ?? (isTable ? 1 : 0);
    const noise = normalNoise(random, model.latent);
    const [z, from, to, stddev] = [model.code(sample), model.code(b), model.code(a), model.stddev(sample)];
    const step = (scale) => scale * largest;
    return {
      step,
      partners: [{ role: "a", sample: a }, { role: "b", sample: b }],
      usesResiduals: settings.residuals ?? isTable,
      formula: (scale) => `z′ = z + ${step(scale).toFixed(2)} · (z_a − z_b)${strength ? " + noise" : ""}`,
      move: (scale) =>
        z.map((value, i) => value + step(scale) * (to[i] - from[i]) + scale * strength * stddev[i] * noise[i]),
    };
  },

  prior(model, settings, sample, random) {
    const noise = normalNoise(random, model.latent);
    const z = model.code(sample);
    return {
      step: (scale) => scale,
      partners: [],
      formula: () => "z′ = √(1 − scale²) · z + scale · noise",
      move: (scale) => z.map((value, i) => Math.sqrt(Math.max(0, 1 - scale * scale)) * value + scale * noise[i]),
    };
  },
};

function withoutPartners(model, sample, change, formula) {
  const z = model.code(sample);
  return {
    step: (scale) => scale,
    partners: [],
    formula: () => formula,
    move: (scale) => z.map((value, i) => value + change(scale, i)),
  };
}

/** A step towards the partner (sign 1) or away from it (sign -1). */
function towards(model, sample, partner, sign, largest) {
  const [z, other] = [model.code(sample), model.code(partner)];
  const step = (scale) => scale * largest;
  const difference = sign > 0 ? "(z_p − z)" : "(z − z_p)";
  return {
    step,
    partners: [{ role: "p", sample: partner }],
    formula: (scale) => `z′ = z + ${step(scale).toFixed(2)} · ${difference}`,
    move: (scale) => z.map((value, i) => value + sign * step(scale) * (other[i] - value)),
  };
}

function pairLabel(model, pairsFrom, sample, first, second) {
  const own = model.y[sample];
  if (pairsFrom === "own_class") {
    return own;
  }
  const anyLabel = model.y[Math.min(model.size - 1, Math.floor(first * model.size))];
  const members = model.members[own].length;
  const borrows = pairsFrom === "any_class" || second * (members + model.facts.prior_weight) >= members;
  return borrows ? anyLabel : own;
}

function drawPartner(model, neighbours, sample, random) {
  const others = model.members[model.y[sample]].filter((other) => other !== sample);
  if (!others.length) {
    return sample;
  }
  const candidates = neighbours === null ? others : model.nearestCodes(sample, others).slice(0, neighbours);
  return candidates[wholeNumber(random, candidates.length)];
}

/** Multiplies a lower triangular factor with noise. */
function timesFactor(factor, noise) {
  const size = noise.length;
  return noise.map((_, i) => {
    let sum = 0;
    for (let j = 0; j <= i; j += 1) {
      sum += factor[i * size + j] * noise[j];
    }
    return sum;
  });
}
