// Rows of tables. In a mixed table a row is encoded: numbers, a flag for each that may be missing, and one-hot categories.

/** Returns the mean of p(x|z) of an encoded row from the decoder's outputs. */
function meanOfRow(outputs, columns) {
  const mean = Float32Array.from(outputs);
  for (const column of columns) {
    if (column.kind === "category") {
      mean.set(softmax(outputs.subarray(column.feature, column.feature + column.size)), column.feature);
    } else if (column.has_missing) {
      mean[column.feature + 1] = logistic(outputs[column.feature + 1]);
    }
  }
  return mean;
}

/** Makes a valid row of sums, in place, as vaeaug.augmenter.rows does; `draws` has a number in 0..1 for each column. */
function settleRow(row, parent, columns, seen, draws) {
  columns.forEach((column, i) => {
    const start = column.feature;
    if (column.kind === "category") {
      const level = drawLevel(row, parent, column, draws[i]);
      row.fill(0, start, start + column.size);
      row[start + level] = 1;
      return;
    }
    if (column.has_missing) {
      row[start + 1] = parent[start + 1];
    }
    if (column.has_missing && parent[start + 1] > 0) {
      row[start] = parent[start];
      return;
    }
    const values = seen.subarray(column.start, column.start + column.texts.length);
    const snapped = values.length ? values[nearestIndex(values, row[start])] : parent[start];
    row[start] = Math.abs(row[start] - parent[start]) <= Math.abs(row[start] - snapped) ? parent[start] : snapped;
  });
}

/** Returns the number of the level drawn with probabilities max(x, 0); the parent's own if nothing is left to draw from. */
function drawLevel(row, parent, { feature, size, has_missing: hasMissing }, draw) {
  const own = parent.subarray(feature, feature + size).indexOf(1);
  if (hasMissing && own === size - 1) {
    return own;
  }
  const weights = Array.from(row.subarray(feature, feature + size), (value) => Math.max(0, value));
  if (hasMissing) {
    weights[size - 1] = 0;
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  const level = weights.findIndex((weight) => (sum += weight) > draw * total);
  return total > 0 && level >= 0 ? level : own;
}

/** Returns the index of the nearest of sorted values. */
function nearestIndex(values, value) {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 && value - values[low - 1] <= values[low] - value ? low - 1 : low;
}

/** Rounds whole-number columns of a plain table in place, in their own range. */
function roundRow(row, columns, offset, gain) {
  columns.forEach((column, i) => {
    if (column.is_integer) {
      row[i] = (Math.round(offset[i] + gain[i] * row[i]) - offset[i]) / gain[i];
    }
  });
}

/** Returns one cell as the user would write it. */
function cellText(row, column, { arrays, facts }) {
  const value = row[column.feature];
  if (column.kind === "category") {
    const level = row.subarray(column.feature, column.feature + column.size).indexOf(1);
    return column.levels[level] ?? "missing";
  }
  if (facts.is_mixed) {
    const isMissing = column.has_missing && row[column.feature + 1] > 0.5;
    const values = arrays.seen.subarray(column.start, column.start + column.texts.length);
    return isMissing || !values.length ? "missing" : column.texts[nearestIndex(values, value)];
  }
  const own = arrays.offset[column.feature] + arrays.gain[column.feature] * value;
  if (column.is_boolean) {
    return own > 0.5 ? "True" : "False";
  }
  if (column.is_integer) {
    return String(Math.round(own));
  }
  return column.decimals >= 0 ? own.toFixed(Math.min(100, column.decimals)) : String(Number(own.toPrecision(4)));
}

/** Returns how far a cell moved, in standard deviations of its column; 1 for another category. */
function cellChange(row, parent, column) {
  if (column.kind === "category") {
    const levels = (x) => x.subarray(column.feature, column.feature + column.size).indexOf(1);
    return levels(row) === levels(parent) ? 0 : 1;
  }
  return row[column.feature] - parent[column.feature];
}
