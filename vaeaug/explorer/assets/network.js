/** Runs layers as vaeaug.explorer.layers lists them, on one sample. Between them values are (channels, rows, columns). */
function runLayers(layers, arrays, input, columns) {
  let x = { values: Float32Array.from(input), channels: input.length, rows: 1, columns: 1 };
  for (const layer of layers) {
    x = LAYERS[layer.op](x, layer, arrays, columns);
  }
  return x.values;
}

const LAYERS = {
  linear(x, layer, arrays) {
    const weight = arrays[layer.weight];
    const values = Float32Array.from(arrays[layer.bias]);
    for (let i = 0; i < values.length; i += 1) {
      const start = i * layer.inputs;
      let sum = values[i];
      for (let j = 0; j < layer.inputs; j += 1) {
        sum += weight[start + j] * x.values[j];
      }
      values[i] = sum;
    }
    return { values, channels: values.length, rows: 1, columns: 1 };
  },

  conv(x, layer, arrays) {
    const { side, padding, inputs, outputs } = layer;
    const rows = x.rows + 2 * padding - side + 1;
    const columns = x.columns + 2 * padding - side + 1;
    const [weight, bias] = [arrays[layer.weight], arrays[layer.bias]];
    const values = new Float32Array(outputs * rows * columns);
    let position = 0;
    for (let output = 0; output < outputs; output += 1) {
      const into = values.subarray(output * rows * columns, (output + 1) * rows * columns).fill(bias[output]);
      for (let input = 0; input < inputs; input += 1) {
        const from = x.values.subarray(input * x.rows * x.columns, (input + 1) * x.rows * x.columns);
        for (let down = -padding; down < side - padding; down += 1) {
          for (let right = -padding; right < side - padding; right += 1) {
            addShifted(into, rows, columns, from, x.rows, x.columns, down, right, weight[position]);
            position += 1;
          }
        }
      }
    }
    return { values, channels: outputs, rows, columns };
  },

  // (C r r, H, W) becomes (C, r H, r W).
  shuffle(x, { factor }) {
    const channels = x.channels / (factor * factor);
    const [rows, columns] = [x.rows * factor, x.columns * factor];
    const values = new Float32Array(x.values.length);
    for (let channel = 0; channel < channels; channel += 1) {
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
          const source = (channel * factor + (row % factor)) * factor + (column % factor);
          const place = (source * x.rows + Math.floor(row / factor)) * x.columns + Math.floor(column / factor);
          values[(channel * rows + row) * columns + column] = x.values[place];
        }
      }
    }
    return { values, channels, rows, columns };
  },

  // Features with the channels last become a grid with the channels first.
  grid(x, { rows, columns }) {
    const cells = rows * columns;
    const channels = x.values.length / cells;
    const values = new Float32Array(x.values.length);
    for (let cell = 0; cell < cells; cell += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        values[channel * cells + cell] = x.values[cell * channels + channel];
      }
    }
    return { values, channels, rows, columns };
  },

  crop(x, { rows, columns }) {
    const values = new Float32Array(x.channels * rows * columns);
    for (let channel = 0; channel < x.channels; channel += 1) {
      for (let row = 0; row < rows; row += 1) {
        const start = (channel * x.rows + row) * x.columns;
        values.set(x.values.subarray(start, start + columns), (channel * rows + row) * columns);
      }
    }
    return { values, channels: x.channels, rows, columns };
  },

  reshape(x, { shape }) {
    const [channels, rows, columns] = [...shape, 1, 1];
    return { values: x.values, channels, rows, columns };
  },

  affine(x, layer, arrays) {
    const [gain, offset] = [arrays[layer.gain], arrays[layer.offset]];
    const step = gain.length > 1 ? 1 : 0;
    return { ...x, values: x.values.map((value, i) => gain[i * step] * value + offset[i * step]) };
  },

  relu: (x) => ({ ...x, values: x.values.map((value) => Math.max(0, value)) }),
  tanh: (x) => ({ ...x, values: x.values.map(Math.tanh) }),
  sigmoid: (x) => ({ ...x, values: x.values.map(logistic) }),
  mixed: (x, layer, arrays, columns) => ({ ...x, values: meanOfRow(x.values, columns) }),
};

/** Adds a shifted and weighted grid to another one. */
function addShifted(into, rows, columns, from, fromRows, fromColumns, down, right, weight) {
  const [firstRow, lastRow] = [Math.max(0, -down), Math.min(rows, fromRows - down)];
  const [first, last] = [Math.max(0, -right), Math.min(columns, fromColumns - right)];
  for (let row = firstRow; row < lastRow; row += 1) {
    const shift = (row + down) * fromColumns + right - row * columns;
    for (let place = row * columns + first; place < row * columns + last; place += 1) {
      into[place] += weight * from[place + shift];
    }
  }
}

function logistic(value) {
  return 1 / (1 + Math.exp(-value));
}

/** Returns probabilities from logits. */
function softmax(logits) {
  const largest = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
