/** Returns the state in an address such as #sample=17&scheme=difference&scale=1.2, with defaults for what is absent or wrong. */
function readState(address, model) {
  const given = new URLSearchParams(address.replace(/^#/, ""));
  const { schemes, scheme: usual } = model.facts;
  const whole = (name, low, high, fallback) => {
    const value = given.get(name);
    const number = Number(value);
    return value !== null && Number.isInteger(number) && number >= low && number <= high ? number : fallback;
  };
  const scheme = Object.hasOwn(schemes, given.get("scheme") ?? "") ? given.get("scheme") : usual;
  const scale = given.get("scale") === null ? NaN : Number(given.get("scale"));
  const to = whole("to", 0, model.size - 1, -1);
  const sample = whole("sample", 0, model.size - 1, 0);
  return {
    sample,
    scheme,
    scale: Number.isFinite(scale) ? Math.min(largestScale(schemes[scheme]), Math.max(0, scale)) : schemes[scheme].scale,
    seed: whole("seed", 0, 2 ** 31 - 1, 0),
    shown: whole("shown", 1, CHILDREN, 1) - 1,
    label: whole("class", 0, model.facts.names.length - 1, -1),
    change: given.get("change") === "1",
    to: to === sample ? -1 : to,
  };
}

function writeState(state) {
  const kept = {
    sample: state.sample,
    scheme: state.scheme,
    scale: Number(state.scale.toFixed(2)),
    seed: state.seed,
    shown: state.shown + 1,
    ...(state.label >= 0 ? { class: state.label } : {}),
    ...(state.change ? { change: 1 } : {}),
    ...(state.to >= 0 ? { to: state.to } : {}),
  };
  return `#${new URLSearchParams(kept)}`;
}

const CHILDREN = 8;

/** Returns the end of the slider. */
function largestScale(settings) {
  return settings.largest ?? Math.max(3, settings.scale);
}

/** Returns the Python code of a state. */
function pythonCode(state, facts, model) {
  const scale = Number(state.scale.toFixed(2));
  const perturb = facts.schemes[state.scheme].python.replace(/scale=[^,)]*/, `scale=${scale}`);
  const lines = [
    "import vaeaug",
    "",
    // JSON writes words as Python does.
    `augmenter = vaeaug.Augmenter.load(${JSON.stringify(facts.title)})`,
    `augmenter = augmenter.using(perturb=vaeaug.${perturb})`,
  ];
  const label = model.y[state.sample];
  if (facts.synthetic_only) {
    lines.push(`synthetic = augmenter.generate(${CHILDREN}, labels=[${label}], seed=${state.seed})`);
  } else {
    lines.push(`sample = augmenter.bank_.samples.x[[${model.arrays.index[state.sample]}]]`);
    lines.push(`synthetic = augmenter.generate(${CHILDREN}, near=sample, labels=[${label}], seed=${state.seed})`);
  }
  return lines.join("\n");
}
