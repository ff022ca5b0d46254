/** Returns the facts and the arrays in the page's block: base64 of zlib of a safetensors file. */
async function unpack(text) {
  const packed = Uint8Array.from(atob(text.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const headerSize = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, headerSize)));
  const arrays = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") {
      const [start, stop] = entry.data_offsets.map((offset) => 8 + headerSize + offset);
      arrays[name] = readArray(entry.dtype, bytes.slice(start, stop));
    }
  }
  return { facts: JSON.parse(header.__metadata__.facts), arrays };
}

function readArray(dtype, bytes) {
  switch (dtype) {
    case "U8":
      return new Uint8Array(bytes);
    case "I32":
      return new Int32Array(bytes);
    case "F32":
      return new Float32Array(bytes);
    case "F16":
      return Float32Array.from(new Uint16Array(bytes), halfToNumber);
    default:
      throw new Error(`an array of type ${dtype}`);
  }
}

/** Returns the number that the 16 bits of a float16 stand for. */
function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : (sign * fraction) / 2 ** 24;
}

/** Undoes vaeaug.explorer.packing.predicted, and scales the pixels to 0..1. */
function unpredictImages(differences, rows, columns) {
  const size = rows * columns;
  const levels = new Uint8Array(differences.length);
  for (let start = 0; start < levels.length; start += size) {
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const here = start + row * columns + column;
        const left = column ? levels[here - 1] : 0;
        const above = row ? levels[here - columns] : 0;
        const corner = row && column ? levels[here - columns - 1] : 0;
        const fromLeft = Math.abs(above - corner);
        const fromAbove = Math.abs(left - corner);
        const fromCorner = Math.abs(left + above - 2 * corner);
        const isLeft = fromLeft <= fromAbove && fromLeft <= fromCorner;
        levels[here] = differences[here] + (isLeft ? left : fromAbove <= fromCorner ? above : corner);
      }
    }
  }
  return Float32Array.from(levels, (level) => level / 255);
}
