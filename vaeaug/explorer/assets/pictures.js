/** Returns an element with attributes and children; text is never read as HTML. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function svgElement(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

/** Returns a colour of the style sheet, which differs between dark and light. */
function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The palette of Okabe and Ito, "Color universal design", 2008, which the colour-blind can tell; grey in place of black.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#8c8c8c"];
// Each class also has a shape: 8 colours and 5 shapes have no common factor, so 40 classes differ.
const SHAPES = [
  (r) => Array.from({ length: 12 }, (_, i) => [r * Math.cos((i * Math.PI) / 6), r * Math.sin((i * Math.PI) / 6)]),
  (r) => [[-r, -r], [r, -r], [r, r], [-r, r]].map((p) => p.map((v) => v * 0.88)),
  (r) => [[0, -1.2 * r], [1.1 * r, 0.8 * r], [-1.1 * r, 0.8 * r]],
  (r) => [[0, -1.3 * r], [1.2 * r, 0], [0, 1.3 * r], [-1.2 * r, 0]],
  (r) => [[-1, -3], [1, -3], [1, -1], [3, -1], [3, 1], [1, 1], [1, 3], [-1, 3], [-1, 1], [-3, 1], [-3, -1], [-1, -1]].map(
    (p) => p.map((v) => (v * r) / 2.5),
  ),
];

function classColour(label) {
  return COLOURS[label % COLOURS.length];
}

function classShape(label, radius) {
  return SHAPES[label % SHAPES.length](radius);
}

function classSymbol(label) {
  const points = classShape(label, 5).map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");
  const shape = svgElement("polygon", { points, fill: classColour(label), stroke: "currentColor", "stroke-width": "0.8" });
  return svgElement("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, shape);
}

/** Draws a sample, or a change, on a canvas; `behind` is a curve to compare with. */
function paint(canvas, model, x, { isChange = false, behind = null } = {}) {
  if (model.isImage) {
    drawImage(canvas, model, x, isChange);
  } else {
    drawCurve(canvas, model, x, isChange, behind);
  }
}

/** Returns a figure of a sample, or a change, with words below it. */
function figure(model, x, words, options) {
  const canvas = element("canvas", { role: "img", "aria-label": words });
  paint(canvas, model, x, options);
  return element("figure", { class: "picture" }, canvas, element("figcaption", {}, words));
}

function drawImage(canvas, model, x, isChange) {
  const [channels, rows, columns] = model.facts.event_shape;
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(columns, rows);
  const size = rows * columns;
  const [up, down] = [colourParts("--up"), colourParts("--down")];
  for (let i = 0; i < size; i += 1) {
    if (isChange) {
      let mean = 0;
      for (let channel = 0; channel < channels; channel += 1) {
        mean += x[channel * size + i] / channels;
      }
      // Half of the range is drawn in full colour.
      picture.data.set([...(mean > 0 ? up : down), Math.min(255, Math.abs(mean) * 2 * 255)], 4 * i);
    } else {
      const [red, green, blue] = channels >= 3 ? [i, size + i, 2 * size + i] : [i, i, i];
      picture.data.set([x[red] * 255 + 0.5, x[green] * 255 + 0.5, x[blue] * 255 + 0.5, 255], 4 * i);
    }
  }
  context.putImageData(picture, 0, 0);
}

function colourParts(name) {
  const hex = themeColour(name);
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

/** Draws a curve, or its difference from the one behind it as an area in red and blue. */
function drawCurve(canvas, model, x, isChange, behind) {
  const [width, height, ratio] = [240, 120, 2];
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const { axis } = model.facts;
  const across = (i) => 4 + ((width - 8) * (axis[i] - axis[0])) / (axis[axis.length - 1] - axis[0] || 1);
  const own = (values) => (isChange ? values : model.inOwnRange(values));
  const [low, high] = isChange ? changeRange(x) : model.ownRange;
  const down = (value) => height - 4 - ((height - 8) * (value - low)) / (high - low || 1);
  const line = (values, colour, thickness) => {
    context.beginPath();
    const shown = own(values);
    for (let channel = 0; channel < shown.length / axis.length; channel += 1) {
      axis.forEach((_, i) => context[i ? "lineTo" : "moveTo"](across(i), down(shown[channel * axis.length + i])));
    }
    [context.strokeStyle, context.lineWidth] = [colour, thickness];
    context.stroke();
  };
  if (isChange) {
    axis.forEach((_, i) => {
      context.fillStyle = themeColour(x[i] > 0 ? "--up" : "--down");
      context.fillRect(across(i) - 1, Math.min(down(0), down(x[i])), 2, Math.abs(down(x[i]) - down(0)));
    });
    line(x.map(() => 0), themeColour("--soft"), 1);
    return;
  }
  if (behind) {
    line(behind, themeColour("--soft"), 1);
  }
  line(x, themeColour("--ink"), 1.6);
}

function changeRange(x) {
  const largest = Math.max(1, ...x.map(Math.abs));
  return [-largest, largest];
}
