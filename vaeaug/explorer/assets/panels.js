// What is beside and below the map. Elements are made once and then filled, so that the focus stays where it is.

const NEAR_COPY = 0.5; // of the usual distance between neighbours of the class

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** Says in a word how near a synthetic sample is to a sample of the page. */
function nearness(distance) {
  return distance === 0 ? "copy" : distance < NEAR_COPY ? "near-copy" : "new";
}

function flipWords(flip, largest) {
  if (flip === undefined) {
    return "…";
  }
  if (flip === null) {
    return `keeps it up to ${largest}`;
  }
  return flip === 0 ? "judged wrong at 0" : `first flips at ${flip.toFixed(2)}`;
}

/** Says what a classifier thinks of a synthetic sample's label. */
function verdict(child, names, label) {
  const best = mostLikely(child.probabilities);
  const confidence = `${percent(child.probabilities[label])} ${names[label]}`;
  return best === label ? confidence : `now ${names[best]}, ${confidence}`;
}

function meter(child, label) {
  const filled = element("span");
  filled.style.width = `${100 * child.probabilities[label]}%`;
  return element("span", { class: "meter", "aria-hidden": "true" }, filled);
}

/** The sample in the middle of eight synthetic ones, as pictures. */
class PictureGrid {
  constructor(container, model, { onShow, onDragReal }) {
    this.model = model;
    this.real = element("div", { class: "cell real" }, element("canvas", { role: "img" }), element("div"));
    this.real.addEventListener("pointerdown", onDragReal);
    this.cells = Array.from({ length: CHILDREN }, (_, number) => {
      const canvas = element("canvas", { role: "img", "aria-label": `Synthetic sample ${number + 1}` });
      const cell = element("button", { type: "button", class: "cell" }, canvas, element("span"));
      cell.addEventListener("click", () => onShow(number));
      return cell;
    });
    const order = [...this.cells.slice(0, 4), this.real, ...this.cells.slice(4)];
    container.replaceChildren(element("div", { class: `grid${model.isImage ? "" : " curves"}` }, ...order));
  }

  fill({ state, children, flips }) {
    const { model } = this;
    const [names, label, x] = [model.facts.names, model.y[state.sample], model.sample(state.sample)];
    const word = model.facts.synthetic_only ? "synthetic" : "real";
    const [canvas, words] = this.real.children;
    paint(canvas, model, x);
    canvas.setAttribute("aria-label", `The sample itself: ${names[label]}`);
    words.replaceChildren(element("strong", { title: names[label] }, names[label]), `the ${word} sample ${state.sample}`);
    this.cells.forEach((cell, number) => {
      const child = children[number];
      const [picture, text] = cell.children;
      paint(picture, model, state.change ? child.change : child.x, { isChange: state.change, behind: x });
      cell.setAttribute("aria-pressed", String(number === state.shown));
      cell.classList.toggle("flipped", mostLikely(child.probabilities) !== label);
      const flip = flipWords(flips[number], largestScale(model.facts.schemes[state.scheme]));
      text.replaceChildren(
        meter(child, label),
        element("strong", { class: "verdict" }, verdict(child, names, label)),
        element("span", {}, `${flip} · ${nearness(child.nearest.distance)}`),
      );
    });
  }
}

/** The sample and eight synthetic ones, as the columns of a table. */
class RowTable {
  constructor(container, model, { onShow }) {
    this.model = model;
    const { columns } = model.facts;
    this.buttons = Array.from({ length: CHILDREN }, (_, number) => {
      const button = element("button", { type: "button", "aria-label": `Synthetic row ${number + 1}` }, String(number + 1));
      button.addEventListener("click", () => onShow(number));
      return button;
    });
    const heads = this.buttons.map((button) => element("th", { scope: "col" }, button));
    const word = model.facts.synthetic_only ? "start" : "real";
    const line = (name) => {
      const cells = Array.from({ length: CHILDREN + 1 }, () => element("td"));
      return { cells, row: element("tr", {}, element("th", { scope: "row", title: name }, name), ...cells) };
    };
    this.lines = columns.map((column) => line(column.name));
    this.below = ["label", "confidence", "first flip", "nearest"].map(line);
    const table = element(
      "table",
      {},
      element("caption", { class: "unseen" }, "The row and eight synthetic ones; changed cells are bold"),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "column"), element("th", { scope: "col" }, word), ...heads)),
      element("tbody", {}, ...this.lines.map((l) => l.row)),
      element("tfoot", {}, ...this.below.map((l) => l.row)),
    );
    const attributes = { class: "scroll", tabindex: "0", role: "region", "aria-label": "The rows" };
    container.replaceChildren(element("div", attributes, table));
  }

  fill({ state, children, flips }) {
    const { model } = this;
    const [names, label, x] = [model.facts.names, model.y[state.sample], model.sample(state.sample)];
    this.buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === state.shown)));
    model.facts.columns.forEach((column, i) => {
      const own = cellText(x, column, model);
      const [first, ...others] = this.lines[i].cells;
      first.textContent = own;
      others.forEach((cell, number) => fillCell(cell, model, column, x, children[number].x, own, state));
    });
    const largest = largestScale(model.facts.schemes[state.scheme]);
    const texts = children.map((child, number) => [
      names[mostLikely(child.probabilities)],
      percent(child.probabilities[label]),
      flipWords(flips[number], largest),
      `${nearness(child.nearest.distance)}, ${child.nearest.distance.toFixed(2)}`,
    ]);
    this.below.forEach(({ cells }, line) => {
      cells[0].textContent = line ? "" : names[label];
      cells.slice(1).forEach((cell, number) => {
        cell.textContent = texts[number][line];
        cell.className = line === 0 && texts[number][0] !== names[label] ? "changed" : "";
      });
    });
    for (const { cells } of [...this.lines, ...this.below]) {
      cells.slice(1).forEach((cell, number) => cell.classList.toggle("shown", number === state.shown));
    }
  }
}

function fillCell(cell, model, column, x, changed, own, state) {
  const text = cellText(changed, column, model);
  const moved = cellChange(changed, x, column);
  const isNumber = column.kind === "number" && moved !== 0;
  const difference = `${moved > 0 ? "+" : "−"}${Math.abs(moved).toFixed(2)} σ`;
  cell.textContent = state.change ? (isNumber ? difference : text === own ? "" : text) : text;
  cell.className = text === own ? "" : `changed ${isNumber ? (moved > 0 ? "up" : "down") : ""}`;
}

/** Fills the panel of one synthetic sample: how it is made of the real one, its label, and the nearest sample. */
function fillDetail(container, model, { state, draws, children, flips }) {
  const { facts } = model;
  const [names, label, x] = [facts.names, model.y[state.sample], model.sample(state.sample)];
  const [child, draw] = [children[state.shown], draws[state.shown]];
  const nearest = model.sample(child.nearest.index);
  const word = facts.synthetic_only ? "sample of this page" : "real sample";
  const pictures = () => [
    figure(model, x, `${word} ${state.sample}: ${names[label]}`),
    figure(model, child.change, "+ decoded change, red up, blue down", { isChange: true }),
    figure(model, child.x, `= synthetic sample ${state.shown + 1}`, { behind: x }),
    figure(model, nearest, `nearest ${word}: ${child.nearest.index}, ${names[model.y[child.nearest.index]]}`, { behind: child.x }),
    ...draw.partners.map(({ role, sample }) =>
      figure(model, model.sample(sample), `z_${role}: sample ${sample}, ${names[model.y[sample]]}`),
    ),
  ];
  const ranked = [...child.probabilities.keys()].sort((i, j) => child.probabilities[j] - child.probabilities[i]).slice(0, 3);
  const parts = draw.partners.map(({ role, sample }) => `z_${role} is the code of sample ${sample} (${names[model.y[sample]]})`);
  const isParent = child.nearest.index === state.sample ? ", the one that it was made from" : "";
  const lines = [
    `${draw.formula(state.scale)}${parts.length ? `; ${parts.join(", ")}` : ""}.`,
    `Label: ${ranked.map((i) => `${names[i]}: ${percent(child.probabilities[i])}`).join(", ")}; ${flipWords(
      flips[state.shown],
      largestScale(facts.schemes[state.scheme]),
    )}.`,
    `Nearest ${word}: ${child.nearest.index}${isParent}, at ${child.nearest.distance.toFixed(2)} of the usual distance between ` +
      `neighbours of its class: ${nearness(child.nearest.distance)}.`,
  ];
  const list = element("ul", { class: "facts" }, ...lines.map((line) => element("li", {}, line)));
  const hasPictures = model.isImage || facts.axis;
  container.replaceChildren(
    hasPictures ? element("div", { class: "pictures" }, ...pictures()) : compareRows(model, [
      [`${word} ${state.sample}`, x],
      [`synthetic ${state.shown + 1}`, child.x],
      [`nearest: ${child.nearest.index}`, nearest],
      ...draw.partners.map(({ role, sample }) => [`${role}: ${sample}`, model.sample(sample)]),
    ]),
    list,
  );
  container.classList.toggle("curves", !model.isImage);
}

/** Returns a table with rows side by side; cells that differ from the first one are bold. */
function compareRows(model, rows) {
  const heads = rows.map(([name]) => element("th", { scope: "col" }, name));
  const lines = model.facts.columns.map((column) => {
    const texts = rows.map(([, x]) => cellText(x, column, model));
    const cells = texts.map((text) => element("td", { class: text === texts[0] ? null : "changed" }, text));
    return element("tr", {}, element("th", { scope: "row", title: column.name }, column.name), ...cells);
  });
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "column"), ...heads)),
    element("tbody", {}, ...lines),
  );
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rows to compare" }, table);
}

/** Fills the walk from one sample to another: nine steps, with the probabilities of the classes below each. */
function fillWalk(container, model, state) {
  const { names } = model.facts;
  const steps = model.walk(state.sample, state.to, 9);
  const judged = steps.map((x) => model.probabilities(x));
  const bars = judged.map((probabilities) => {
    const parts = probabilities.map((share, label) => {
      const part = element("span", { title: `${names[label]} ${percent(share)}` });
      [part.style.width, part.style.background] = [`${100 * share}%`, classColour(label)];
      return part;
    });
    const best = mostLikely(probabilities);
    return [
      element("div", { class: "bars", "aria-hidden": "true" }, ...parts),
      element("strong", { title: names[best] }, names[best]),
      percent(probabilities[best]),
    ];
  });
  if (!model.isImage && !model.facts.axis) {
    const heads = steps.map((_, i) => `${i + 1}: ${names[mostLikely(judged[i])]} ${percent(Math.max(...judged[i]))}`);
    container.className = "";
    container.replaceChildren(compareRows(model, steps.map((x, i) => [heads[i], x])));
    return;
  }
  container.replaceChildren(
    ...steps.map((x, i) => {
      const canvas = element("canvas", { role: "img", "aria-label": `Step ${i + 1} of 9` });
      paint(canvas, model, x);
      return element("div", { class: "cell" }, canvas, ...bars[i]);
    }),
  );
}

/** Draws how many of the synthetic samples keep their label up to each scale. */
function fillKeepCurve(container, flips, scale, largest) {
  const known = flips.filter((flip) => flip !== undefined);
  const [width, height, steps] = [300, 54, 60];
  const share = (at) => known.filter((flip) => flip === null || flip > at).length / (known.length || 1);
  const down = (value) => 4 + (height - 18) * (1 - value);
  const line = Array.from({ length: steps + 1 }, (_, i) => {
    return `${((width * i) / steps).toFixed(1)},${down(share((largest * i) / steps)).toFixed(1)}`;
  });
  const now = share(scale);
  const words = known.length
    ? `${Math.round(now * known.length)} of ${known.length} keep their label up to ${scale.toFixed(2)}`
    : "computing where labels flip";
  const colour = { fill: "none", stroke: "currentColor" };
  const x = (width * scale) / largest;
  const svg = svgElement(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": words },
    svgElement("line", { x1: 0, x2: width, y1: down(0), y2: down(0), stroke: "currentColor", "stroke-opacity": 0.3 }),
    svgElement("polyline", { ...colour, points: line.join(" "), "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" }),
    svgElement("line", { x1: x, x2: x, y1: 2, y2: height - 12, stroke: "currentColor", "stroke-dasharray": "3 3" }),
  );
  container.replaceChildren(svg, element("p", { class: "soft", id: "keep-words" }, words));
}
