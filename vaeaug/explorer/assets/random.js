/** Returns a function that draws numbers in 0..1; the same whole numbers give the same draws (mulberry32). */
function randomFrom(...parts) {
  let state = 0x9e3779b9;
  for (const part of parts) {
    state = Math.imul(state ^ (part | 0), 0x85ebca6b);
    state ^= state >>> 13;
    state = Math.imul(state, 0xc2b2ae35) ^ (state >>> 16);
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Returns standard normal noise (Box and Muller's method). */
function normalNoise(random, size) {
  const noise = new Float32Array(size);
  for (let i = 0; i < size; i += 1) {
    noise[i] = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  }
  return noise;
}

/** Returns a whole number in 0..size-1. */
function wholeNumber(random, size) {
  return Math.min(size - 1, Math.floor(random() * size));
}
