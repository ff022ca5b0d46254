/** The augmenter of the page: its samples with their codes, the decoder, the classifiers that judge labels. */
class Model {
  constructor({ facts, arrays }) {
    Object.assign(this, { facts, arrays });
    this.y = arrays.y;
    this.size = this.y.length;
    this.latent = facts.latent;
    this.isImage = facts.event_shape.length === 3;
    this.features = facts.event_shape.reduce((product, side) => product * side, 1);
    const [rows, columns] = facts.event_shape.slice(-2);
    this.samples = this.isImage ? unpredictImages(arrays.samples, rows, columns) : arrays.samples;
    this.members = facts.names.map(() => []);
    this.y.forEach((label, i) => this.members[label].push(i));
    this.decodedSamples = new Map();
  }

  /** One sample, scaled: pixels in 0..1, columns with mean 0 and standard deviation 1. */
  sample(i) {
    return this.samples.subarray(i * this.features, (i + 1) * this.features);
  }

  code(i) {
    // With `Identity` the codes are the samples.
    return (this.arrays.mean ?? this.samples).subarray(i * this.latent, (i + 1) * this.latent);
  }

  stddev(i) {
    const { log_stddev: levels, stddev_range: range } = this.arrays;
    return Float32Array.from({ length: this.latent }, (_, k) =>
      levels ? Math.exp(range[0] + range[1] * levels[i * this.latent + k]) : 0,
    );
  }

  decode(z, label) {
    const hot = Array.from({ length: this.facts.conditional }, (_, k) => Number(k === label));
    return runLayers(this.facts.decoder, this.arrays, [...z, ...hot], this.facts.columns);
  }

  decodedSample(i) {
    if (!this.decodedSamples.has(i)) {
      this.decodedSamples.set(i, this.decode(this.code(i), this.y[i]));
    }
    return this.decodedSamples.get(i);
  }

  /** Returns what is random about the synthetic sample number `number` of a sample. */
  draw(sample, scheme, seed, number) {
    const settings = this.facts.schemes[scheme];
    const drawn = drawScheme(this, scheme, settings, sample, randomFrom(seed, sample, number));
    const random = randomFrom(seed, sample, number, 1);
    return { ...drawn, sample, levels: this.facts.columns.map(() => random()) };
  }

  /** Returns the synthetic sample of a draw at a scale: x' = clip(x + decode(z') - decode(z)), and the decoded change. */
  generate(draw, scale) {
    const { sample } = draw;
    const [x, label, z] = [this.sample(sample), this.y[sample], draw.move(scale)];
    if (z.every((value, i) => value === this.code(sample)[i])) {
      return { z, x: Float32Array.from(x), change: new Float32Array(x.length) };
    }
    const [moved, start] = [this.decode(z, label), this.decodedSample(sample)];
    const change = moved.map((value, i) => value - start[i]);
    if (!this.facts.residual) {
      return { z, x: this.valid(moved, x, draw.levels), change };
    }
    const sum = change.map((value, i) => x[i] + value);
    if (draw.usesResiduals) {
      this.addResiduals(sum, draw, draw.step(scale));
    }
    return { z, x: this.valid(sum, x, draw.levels), change };
  }

  /** Adds lam (r_a - r_b); a missing number has no residual. */
  addResiduals(sum, { partners }, step) {
    const [a, b] = partners.map(({ sample }) => ({ x: this.sample(sample), decoded: this.decodedSample(sample) }));
    const missing = new Set();
    for (const { feature, kind, has_missing: hasMissing } of this.facts.columns) {
      if (kind === "number" && hasMissing && (a.x[feature + 1] > 0 || b.x[feature + 1] > 0)) {
        missing.add(feature);
      }
    }
    for (let i = 0; i < sum.length; i += 1) {
      sum[i] += missing.has(i) ? 0 : step * (a.x[i] - a.decoded[i] - b.x[i] + b.decoded[i]);
    }
  }

  /** Returns values made valid: clipped to the range of the data, whole numbers and categories where these are. */
  valid(values, parent, levels) {
    const { low, high, offset, gain, seen } = this.arrays;
    const x = values.map((value, i) => Math.min(high ? high[i] : 1, Math.max(low ? low[i] : 0, value)));
    if (this.facts.is_mixed) {
      settleRow(x, parent, this.facts.columns, seen, levels);
    } else if (this.facts.columns.length) {
      roundRow(x, this.facts.columns, offset, gain);
    }
    return x;
  }

  /** Returns p(y|x) by the classifier that was not trained on this sample; without one, the mean of all. */
  probabilities(x, sample) {
    const judges = sample === undefined ? [...this.facts.teachers.keys()] : [this.arrays.judge[sample]];
    const each = judges.map((judge) => softmax(runLayers(this.facts.teachers[judge], this.arrays, x, [])));
    return each[0].map((_, label) => each.reduce((sum, p) => sum + p[label], 0) / each.length);
  }

  /**
   * Returns the nearest sample of the page, and its distance in units of its class's usual distance. `guess` is a sample that is
   * near, such as the parent: most others are then ruled out by their first features.
   */
  nearest(x, guess) {
    let index = guess;
    let smallest = this.sample(guess).reduce((sum, value, k) => sum + (x[k] - value) ** 2, 0);
    for (let i = 0; i < this.size; i += 1) {
      const start = i * this.features;
      let sum = 0;
      for (let k = 0; k < this.features && sum < smallest; k += 1) {
        sum += (x[k] - this.samples[start + k]) ** 2;
      }
      if (sum < smallest) {
        [index, smallest] = [i, sum];
      }
    }
    return { index, distance: Math.sqrt(smallest) / this.arrays.unit[this.y[index]] };
  }

  /**
   * Returns the smallest scale at which a draw's label flips, 0 if that of the sample itself is judged wrong, or null. `pause` is
   * awaited between the steps, so that the page stays responsive.
   */
  async flipScale(draw, largest, pause) {
    const label = this.y[draw.sample];
    const isFlipped = (scale) => mostLikely(this.probabilities(this.generate(draw, scale).x, draw.sample)) !== label;
    const steps = 24;
    for (let step = 0; step <= steps; step += 1) {
      await pause();
      if (isFlipped((largest * step) / steps)) {
        let [low, high] = [(largest * Math.max(0, step - 1)) / steps, (largest * step) / steps];
        for (let halving = 0; halving < 4 && step; halving += 1) {
          const middle = (low + high) / 2;
          [low, high] = isFlipped(middle) ? [low, middle] : [middle, high];
        }
        return high;
      }
    }
    return null;
  }

  /** Returns samples between two: codes and residuals are interpolated, so that both ends are the samples themselves. */
  walk(from, to, steps) {
    const ends = [from, to].map((i) => ({ z: this.code(i), x: this.sample(i), decoded: this.decodedSample(i) }));
    const levels = this.facts.columns.map(() => 0.5);
    return Array.from({ length: steps }, (_, step) => {
      const share = step / (steps - 1);
      if (share === 0 || share === 1) {
        return Float32Array.from(ends[share].x);
      }
      const z = ends[0].z.map((value, i) => value + share * (ends[1].z[i] - value));
      const residual = (end, i) => (this.facts.residual ? end.x[i] - end.decoded[i] : 0);
      const sum = this.decode(z, this.y[share < 0.5 ? from : to]).map(
        (value, i) => value + (1 - share) * residual(ends[0], i) + share * residual(ends[1], i),
      );
      return this.valid(sum, ends[share < 0.5 ? 0 : 1].x, levels);
    });
  }

  /** Returns two different samples of a class, if it has two. */
  randomPair(label, random) {
    const members = this.members[label];
    const first = wholeNumber(random, members.length);
    const second = (first + 1 + wholeNumber(random, Math.max(1, members.length - 1))) % members.length;
    return [members[first], members[second]];
  }

  nearestCodes(sample, candidates) {
    const z = this.code(sample);
    const distance = (i) => this.code(i).reduce((sum, value, k) => sum + (value - z[k]) ** 2, 0);
    return candidates.map((i) => [distance(i), i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
  }

  covarianceFactor(sample, isPooled) {
    const { factor, class_factors: ofClasses } = this.arrays;
    const start = this.y[sample] * factor.length;
    return isPooled || !ofClasses ? factor : ofClasses.subarray(start, start + factor.length);
  }

  /** Returns a row in the data's own range. */
  inOwnRange(x) {
    const { offset, gain } = this.arrays;
    return offset ? x.map((value, i) => offset[i] + gain[i] * value) : x;
  }

  /** The smallest and the largest value of all samples, in the data's own range. */
  get ownRange() {
    if (!this.cachedRange) {
      let [low, high] = [Infinity, -Infinity];
      for (let i = 0; i < this.size; i += 1) {
        for (const value of this.inOwnRange(this.sample(i))) {
          [low, high] = [Math.min(low, value), Math.max(high, value)];
        }
      }
      this.cachedRange = [low, high];
    }
    return this.cachedRange;
  }

  /** Returns the place of a code on the map. */
  place(z) {
    const { axes, centre } = this.arrays;
    return [0, 1].map((axis) => z.reduce((sum, value, i) => sum + (value - centre[i]) * axes[axis * this.latent + i], 0));
  }
}

function mostLikely(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}
