/** Wires the parts: one state, which the controls change and the address holds, and one function that shows it. */
class Page {
  constructor(model) {
    this.model = model;
    this.byId = (id) => document.getElementById(id);
    this.flips = { key: "", values: [] };
    this.picksEnd = false;
    this.map = new SampleMap(this.byId("map"), model, {
      onChoose: (sample) => this.choose(sample),
      onWalk: (from, to) => this.change({ sample: from, to }),
    });
    const handlers = { onShow: (shown) => this.change({ shown }), onDragReal: (event) => this.dragReal(event) };
    const hasPictures = model.isImage || model.facts.axis;
    this.children = new (hasPictures ? PictureGrid : RowTable)(this.byId("children"), model, handlers);
    this.byId("main").classList.toggle("rows", !hasPictures);
    this.writeFixedTexts();
    this.connect();
    this.state = readState(location.hash, model);
    this.show();
  }

  writeFixedTexts() {
    const { facts, size } = this.model;
    const all = facts.of_samples > size && !facts.synthetic_only ? ` of ${facts.of_samples}` : "";
    this.byId("banner").textContent = facts.synthetic_only
      ? "No real sample is in this page, but synthetic ones in their place. Each is a real sample plus a change, and may look like it; " +
        "the network was trained on the real ones."
      : `This page holds ${size}${all} real samples. Share it as you would share the data.`;
    this.byId("map-title").textContent = `Map of ${size} ${facts.synthetic_only ? "synthetic" : "real"} samples`;
    this.byId("map-words").textContent =
      `The first two principal components of the codes, with ${percent(facts.share_of_map)} of their variance. ` +
      "Arrows lead from the sample's code z to the codes of the synthetic ones.";
    this.byId("map").setAttribute("aria-label", `Map of ${size} samples`);
    this.byId("legend-of-bars").textContent =
      "The bar is the confidence in the sample's label of a small classifier that was not trained on this sample; such classifiers name " +
      `${percent(facts.teacher_accuracy)} of the samples rightly. A sample is a near-copy below ${NEAR_COPY} of the usual distance of a ` +
      `sample to its nearest neighbour in the class (the median, between ${this.model.isImage ? "pixels" : "scaled columns"}), else new.`;
    this.byId("footer").textContent = `Created with vaeaug ${facts.version}.`;
    this.byId("sample").max = this.model.size - 1;
    const names = Object.entries(facts.schemes).map(([name, settings]) => element("option", { value: name }, settings.class));
    this.byId("scheme").replaceChildren(...names);
    this.byId("legend").replaceChildren(...facts.names.map((name, label) => this.legendButton(name, label)));
  }

  legendButton(name, label) {
    const count = this.model.members[label].length;
    const button = element("button", { type: "button", "aria-pressed": "false" }, classSymbol(label), element("span", {}, `${name} (${count})`));
    button.addEventListener("click", () => this.change({ label: this.state.label === label ? -1 : label }));
    return button;
  }

  connect() {
    const on = (id, type, handler) => this.byId(id).addEventListener(type, handler);
    on("scale", "input", (event) => this.change({ scale: Number(event.target.value) }));
    on("scheme", "change", (event) => this.changeScheme(event.target.value));
    on("redraw", "click", () => this.change({ seed: this.state.seed + 1 }));
    on("change", "click", () => this.change({ change: !this.state.change }));
    on("start-walk", "click", () => this.pickEnd(!this.picksEnd));
    on("end-walk", "click", () => this.change({ to: -1 }));
    on("previous", "click", () => this.step(-1));
    on("next", "click", () => this.step(1));
    on("sample", "change", (event) => this.chooseTyped(event.target));
    on("zoom-in", "click", () => this.map.zoomBy(1.6));
    on("zoom-out", "click", () => this.map.zoomBy(1 / 1.6));
    on("zoom-all", "click", () => this.map.zoomBy(0));
    on("copy", "click", () => this.copy());
    on("map", "keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.change(readState(location.hash, this.model)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  /** Changes the state; what belongs together is shown in one frame. */
  change(changes) {
    Object.assign(this.state, changes);
    if (this.state.to === this.state.sample) {
      this.state.to = -1;
    }
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.show();
      });
    }
  }

  changeScheme(scheme) {
    const settings = this.model.facts.schemes[scheme];
    this.change({ scheme, scale: Math.min(this.state.scale, largestScale(settings)) });
  }

  choose(sample) {
    if (this.picksEnd && sample !== this.state.sample) {
      this.pickEnd(false);
      this.change({ to: sample });
    } else {
      this.change({ sample });
    }
  }

  chooseTyped(input) {
    const sample = Number(input.value);
    if (input.value !== "" && Number.isInteger(sample) && sample >= 0 && sample < this.model.size) {
      this.choose(sample);
    } else {
      this.announce(`There are the samples 0 to ${this.model.size - 1}.`);
      input.value = this.state.sample;
    }
  }

  /** Goes to the previous or next sample, of the class that is shown. */
  step(direction) {
    const { size, y } = this.model;
    let sample = this.state.sample;
    do {
      sample = (sample + direction + size) % size;
    } while (this.state.label >= 0 && y[sample] !== this.state.label && sample !== this.state.sample);
    this.choose(sample);
  }

  pickEnd(isOn) {
    this.picksEnd = isOn;
    this.byId("start-walk").setAttribute("aria-pressed", String(isOn));
    if (isOn) {
      this.announce("Choose the end of the walk on the map, or type the number of a sample.");
    }
  }

  /** A drag of the big picture onto a sample of the map starts a walk. */
  dragReal(event) {
    const release = (end) => {
      document.removeEventListener("pointerup", release);
      const target = document.elementFromPoint(end.clientX, end.clientY);
      const sample = target === this.map.canvas ? this.map.at(this.map.pointOf(end)) : null;
      if (sample !== null) {
        this.change({ to: sample });
      }
    };
    event.preventDefault();
    document.addEventListener("pointerup", release);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const schemes = Object.keys(this.model.facts.schemes);
    const { state } = this;
    const largest = largestScale(this.model.facts.schemes[state.scheme]);
    const actions = {
      "+": () => this.map.zoomBy(1.6),
      "-": () => this.map.zoomBy(1 / 1.6),
      "[": () => this.change({ scale: Math.max(0, state.scale - 0.1) }),
      "]": () => this.change({ scale: Math.min(largest, state.scale + 0.1) }),
      s: () => this.changeScheme(schemes[(schemes.indexOf(state.scheme) + 1) % schemes.length]),
      c: () => this.change({ change: !state.change }),
      r: () => this.change({ seed: state.seed + 1 }),
    };
    if (arrows[event.key]) {
      this.choose(this.map.inDirection(state.sample, arrows[event.key]));
    } else if (Object.hasOwn(actions, event.key.toLowerCase())) {
      actions[event.key.toLowerCase()]();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Computes and shows the state. */
  show() {
    const { state, model } = this;
    const settings = model.facts.schemes[state.scheme];
    const largest = largestScale(settings);
    const key = [state.sample, state.scheme, state.seed].join();
    if (this.flips.key !== key) {
      const draws = Array.from({ length: CHILDREN }, (_, i) => model.draw(state.sample, state.scheme, state.seed, i));
      this.flips = { key, draws, values: Array(CHILDREN).fill(undefined) };
      this.findFlips(this.flips, largest);
    }
    const { draws } = this.flips;
    const children = draws.map((draw) => {
      const made = model.generate(draw, state.scale);
      return { ...made, probabilities: model.probabilities(made.x, state.sample), nearest: model.nearest(made.x, state.sample) };
    });
    this.view = { state, draws, children, flips: this.flips.values };
    this.fillControls(largest);
    this.fillPanels(largest);
    this.map.reveal(state.sample);
    this.map.render({
      sample: state.sample,
      label: state.label,
      to: state.to,
      shown: state.shown,
      moved: children.map((child) => child.z),
      partners: draws[state.shown].partners,
    });
    history.replaceState(null, "", writeState(state));
    this.announceLater();
  }

  fillControls(largest) {
    const { state, model } = this;
    const scale = this.byId("scale");
    [scale.max, scale.value] = [largest, state.scale];
    this.byId("scale-text").textContent = state.scale.toFixed(2);
    this.byId("scheme").value = state.scheme;
    this.byId("sample").value = state.sample;
    this.byId("change").setAttribute("aria-pressed", String(state.change));
    [...this.byId("legend").children].forEach((button, label) => {
      button.setAttribute("aria-pressed", String(label === state.label));
    });
    const file = model.facts.files[state.sample];
    const name = model.facts.names[model.y[state.sample]];
    this.byId("sample-title").textContent = `Sample ${state.sample}, class ${name}${file ? `, ${file}` : ""}, and eight synthetic ones`;
    this.byId("code").textContent = pythonCode(state, model.facts, model);
  }

  fillPanels(largest) {
    const { state, model } = this;
    this.children.fill(this.view);
    fillDetail(this.byId("detail"), model, this.view);
    fillKeepCurve(this.byId("keep-curve"), this.flips.values, state.scale, largest);
    this.byId("walk-panel").hidden = state.to < 0;
    if (state.to >= 0) {
      const ends = [state.sample, state.to].map((i) => `${i} (${model.facts.names[model.y[i]]})`);
      this.byId("walk-title").textContent = `A walk from sample ${ends[0]} to sample ${ends[1]}`;
      fillWalk(this.byId("walk"), model, state);
    }
  }

  /** Finds where the labels flip, one synthetic sample after the other; given up when others are drawn. */
  async findFlips(flips, largest) {
    let rested = 0;
    const pause = async () => {
      if (performance.now() - rested > 20) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        rested = performance.now();
      }
    };
    for (let number = 0; number < CHILDREN; number += 1) {
      const value = await this.model.flipScale(flips.draws[number], largest, pause);
      if (this.flips !== flips) {
        return;
      }
      flips.values[number] = value;
    }
    this.fillPanels(largest);
  }

  async copy() {
    const text = this.byId("code").textContent;
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without the permission: select the code, and use the older way.
      getSelection().selectAllChildren(this.byId("code"));
      copied = document.execCommand("copy");
    }
    this.byId("copied").textContent = copied ? "Copied." : "Selected: press Ctrl-C.";
  }

  announceLater() {
    clearTimeout(this.announcement);
    this.announcement = setTimeout(() => {
      const { state, children } = this.view;
      const label = this.model.y[state.sample];
      const kept = children.filter((child) => mostLikely(child.probabilities) === label).length;
      const scheme = this.model.facts.schemes[state.scheme].class;
      this.announce(
        `Sample ${state.sample}, ${this.model.facts.names[label]}. ${scheme} at ${state.scale.toFixed(2)}: ` +
          `${kept} of ${CHILDREN} synthetic samples keep the label.`,
      );
    }, 500);
  }

  announce(text) {
    this.byId("announcement").textContent = text;
  }
}

async function open() {
  const status = document.getElementById("status");
  if (typeof DecompressionStream === "undefined") {
    status.textContent = "This browser cannot unpack the page's data: a version from 2023 or later can.";
    return;
  }
  const model = new Model(await unpack(document.getElementById("block").textContent));
  status.hidden = true;
  document.getElementById("main").hidden = false;
  // For the browser's console, and for tests.
  window.explorer = new Page(model);
}

open();
