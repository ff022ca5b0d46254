/** The map: real samples by the first two principal components of their codes, on a canvas. */
class SampleMap {
  /** `onChoose(sample)` is called for a click, `onWalk(from, to)` when one sample is dragged onto another. */
  constructor(canvas, model, { onChoose, onWalk }) {
    Object.assign(this, { canvas, model, onChoose, onWalk });
    [this.zoom, this.thumbnails, this.scene, this.drag] = [1, new Map(), {}, null];
    this.places = Array.from({ length: model.size }, (_, i) => model.place(model.code(i)));
    this.bounds = [0, 1].map((axis) => {
      const values = this.places.map((p) => p[axis]);
      const low = values.reduce((a, b) => Math.min(a, b));
      const high = values.reduce((a, b) => Math.max(a, b));
      return high > low ? [low, high] : [low - 1, high + 1];
    });
    this.showAll();
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointercancel", () => (this.drag = null));
    canvas.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    new ResizeObserver(() => this.render(this.scene)).observe(canvas);
  }

  showAll() {
    this.zoom = 1;
    this.middle = this.bounds.map(([low, high]) => (low + high) / 2);
  }

  zoomBy(factor, around) {
    const point = around ?? [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2];
    const before = this.fromScreen(point);
    this.zoom = Math.min(40, Math.max(1, this.zoom * factor));
    const after = this.fromScreen(point);
    this.middle = this.middle.map((value, axis) => value + before[axis] - after[axis]);
    if (this.zoom === 1) {
      this.showAll();
    }
    this.render(this.scene);
  }

  /** Moves the view so that a sample is in it. */
  reveal(sample) {
    const [x, y] = this.toScreen(this.places[sample]);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (x < 10 || y < 10 || x > width - 10 || y > height - 10) {
      this.middle = [...this.places[sample]];
    }
  }

  scaleOf(axis) {
    const length = axis ? this.canvas.clientHeight : this.canvas.clientWidth;
    const [low, high] = this.bounds[axis];
    return ((length - 56) / (high - low)) * this.zoom * (axis ? -1 : 1);
  }

  toScreen(place) {
    const lengths = [this.canvas.clientWidth, this.canvas.clientHeight];
    return place.map((value, axis) => lengths[axis] / 2 + (value - this.middle[axis]) * this.scaleOf(axis));
  }

  fromScreen(point) {
    const lengths = [this.canvas.clientWidth, this.canvas.clientHeight];
    return point.map((value, axis) => this.middle[axis] + (value - lengths[axis] / 2) / this.scaleOf(axis));
  }

  /** Returns the sample at a point of the canvas, or null. */
  at(point, within = 16) {
    let [best, smallest] = [null, within];
    this.places.forEach((place, i) => {
      const [x, y] = this.toScreen(place);
      const distance = Math.hypot(x - point[0], y - point[1]);
      // Of samples of other classes only when all are shown.
      if (distance < smallest && this.isShown(i)) {
        [best, smallest] = [i, distance];
      }
    });
    return best;
  }

  isShown(i) {
    const { label = -1, sample } = this.scene;
    return label < 0 || this.model.y[i] === label || i === sample;
  }

  /** Returns the nearest sample in the direction of an arrow key. */
  inDirection(sample, [right, down]) {
    const [x0, y0] = this.toScreen(this.places[sample]);
    let [best, smallest] = [sample, Infinity];
    this.places.forEach((place, i) => {
      const [x, y] = this.toScreen(place);
      const along = (x - x0) * right + (y - y0) * down;
      const aside = Math.abs((x - x0) * down) + Math.abs((y - y0) * right);
      if (i !== sample && this.isShown(i) && along > 0 && aside <= along && along + 2 * aside < smallest) {
        [best, smallest] = [i, along + 2 * aside];
      }
    });
    return best;
  }

  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    const point = this.pointOf(event);
    this.drag = { start: point, now: point, sample: this.at(point), middle: [...this.middle], moved: false };
    // A finger that pans the page must be able to leave the canvas.
    if (event.pointerType === "mouse") {
      this.canvas.setPointerCapture(event.pointerId);
    }
  }

  move(event) {
    if (!this.drag) {
      return;
    }
    this.drag.now = this.pointOf(event);
    const [right, down] = this.drag.now.map((value, axis) => value - this.drag.start[axis]);
    this.drag.moved ||= Math.hypot(right, down) > 5;
    if (this.drag.sample === null && this.drag.moved && this.zoom > 1) {
      this.middle = this.drag.middle.map((value, axis) => value - [right, down][axis] / this.scaleOf(axis));
    }
    this.render(this.scene);
  }

  release(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) {
      return;
    }
    const target = this.at(this.pointOf(event));
    if (!drag.moved && drag.sample !== null) {
      this.onChoose(drag.sample);
    } else if (drag.moved && drag.sample !== null && target !== null && target !== drag.sample) {
      this.onWalk(drag.sample, target);
    } else {
      this.render(this.scene);
    }
  }

  turn(event) {
    // Whoever scrolls past the map does not want to zoom: only after a click on it, or with two fingers (a wheel with ctrlKey).
    const isMeant = event.ctrlKey || document.activeElement === this.canvas;
    if (isMeant && (event.deltaY > 0 ? this.zoom > 1 : this.zoom < 40)) {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 400), this.pointOf(event));
    }
  }

  /**
   * Draws a scene: the chosen `sample`, `moved` codes z' with the number of the `shown` one, its `partners`, the `label` of
   * the only class that is shown, and the end `to` of a walk.
   */
  render(scene) {
    this.scene = scene;
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = canvas.getContext("2d");
    context.drawImage(this.background(width, height, ratio), 0, 0);
    context.scale(ratio, ratio);
    const [ink, page] = [themeColour("--ink"), themeColour("--page")];
    if (scene.sample === undefined) {
      return;
    }
    this.drawScheme(context, scene, ink, page);
    if (this.drag?.moved && this.drag.sample !== null) {
      drawArrow(context, this.toScreen(this.places[this.drag.sample]), this.drag.now, ink, page, 2.5);
    }
  }

  /** Returns the samples, drawn anew only where the view has changed: while the slider moves, it does not. */
  background(width, height, ratio) {
    const { label, sample } = this.scene;
    const key = [width, height, ratio, this.zoom, ...this.middle, label, label >= 0 ? sample : "", themeColour("--page")].join();
    if (this.backgroundKey !== key) {
      this.backgroundKey = key;
      this.backgroundCanvas = document.createElement("canvas");
      [this.backgroundCanvas.width, this.backgroundCanvas.height] = [Math.max(1, width * ratio), Math.max(1, height * ratio)];
      const context = this.backgroundCanvas.getContext("2d");
      context.scale(ratio, ratio);
      this.drawPoints(context, width, height);
      if (this.model.isImage) {
        this.drawThumbnails(context, width, height);
      }
    }
    return this.backgroundCanvas;
  }

  drawPoints(context, width, height) {
    const outline = themeColour("--page");
    this.places.forEach((place, i) => {
      const [x, y] = this.toScreen(place);
      if (x < -8 || y < -8 || x > width + 8 || y > height + 8) {
        return;
      }
      context.globalAlpha = this.isShown(i) ? 1 : 0.12;
      drawShape(context, x, y, classShape(this.model.y[i], 3.6), classColour(this.model.y[i]), outline, 0.7);
    });
    context.globalAlpha = 1;
  }

  /** Draws pictures where there is room: one in each square of the screen at most. */
  drawThumbnails(context, width, height) {
    const side = 26;
    const taken = new Set();
    context.imageSmoothingEnabled = false;
    this.places.forEach((place, i) => {
      const [x, y] = this.toScreen(place);
      const square = `${Math.floor(x / (1.7 * side))} ${Math.floor(y / (1.7 * side))}`;
      if (x < 0 || y < 0 || x > width || y > height || taken.has(square) || !this.isShown(i)) {
        return;
      }
      taken.add(square);
      context.fillStyle = classColour(this.model.y[i]);
      context.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
      context.drawImage(this.thumbnail(i), x - side / 2, y - side / 2, side, side);
    });
  }

  thumbnail(i) {
    if (!this.thumbnails.has(i)) {
      const canvas = document.createElement("canvas");
      drawImage(canvas, this.model, this.model.sample(i), false);
      this.thumbnails.set(i, canvas);
    }
    return this.thumbnails.get(i);
  }

  drawScheme(context, scene, ink, page) {
    const start = this.toScreen(this.places[scene.sample]);
    const pair = scene.partners.map((partner) => this.toScreen(this.places[partner.sample]));
    if (pair.length === 2) {
      drawArrow(context, pair[1], pair[0], ink, page, 1.5, [4, 3]);
    }
    scene.moved.forEach((z, number) => {
      const end = this.toScreen(this.model.place(z));
      drawArrow(context, start, end, ink, page, number === scene.shown ? 3 : 1);
    });
    scene.partners.forEach((partner, i) => drawRing(context, pair[i], 11, ink, page, partner.role));
    if (scene.to >= 0) {
      const end = this.toScreen(this.places[scene.to]);
      drawArrow(context, start, end, ink, page, 2, [8, 4]);
      drawRing(context, end, 12, ink, page, "end");
    }
    drawRing(context, start, 14, ink, page, "z");
  }
}

function drawShape(context, x, y, points, fill, stroke, thickness) {
  context.beginPath();
  points.forEach(([right, down], i) => context[i ? "lineTo" : "moveTo"](x + right, y + down));
  context.closePath();
  [context.fillStyle, context.strokeStyle, context.lineWidth] = [fill, stroke, thickness];
  context.fill();
  context.stroke();
}

/** Draws a line with a head at its end, with a border that sets it off from what is behind it. */
function drawArrow(context, [x0, y0], [x1, y1], ink, page, thickness, dashes = []) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 2) {
    return;
  }
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const head = Math.min(length, 5 + 2 * thickness);
  for (const [colour, width] of [[page, thickness + 2.5], [ink, thickness]]) {
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.setLineDash(dashes);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    for (const turn of [2.6, -2.6]) {
      context.moveTo(x1, y1);
      context.lineTo(x1 + head * Math.cos(angle + turn), y1 + head * Math.sin(angle + turn));
    }
    context.stroke();
  }
}

function drawRing(context, [x, y], radius, ink, page, word) {
  for (const [colour, width] of [[page, 5], [ink, 2.5]]) {
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
  context.font = "600 13px system-ui, sans-serif";
  [context.lineJoin, context.strokeStyle, context.lineWidth, context.fillStyle] = ["round", page, 4, ink];
  context.strokeText(word, x + radius + 3, y - radius + 4);
  context.fillText(word, x + radius + 3, y - radius + 4);
}
