"use strict";
/** A picture in two versions behind a divider, with zoom: by range, selects, buttons and keys, or by pointer. */
class Slider {
  static ZOOMS = [1, 2, 3, 4, 6, 8];
  static MOVE = 40;

  constructor(section) {
    this.pictures = report.compared[section.dataset.index];
    this.section = section;
    this.stage = one(section, ".stage");
    this.range = one(section, "input[type=range]");
    this.zoom = 1;
    this.x = this.y = 0;
    one(section, "select.picture").addEventListener("change", () => this.open());
    for (const side of ["left", "right"]) one(section, `select.${side}`).addEventListener("change", () => this.show());
    this.range.addEventListener("input", () => this.place());
    one(section, "button.in").addEventListener("click", () => this.step(1));
    one(section, "button.out").addEventListener("click", () => this.step(-1));
    one(section, "button.whole").addEventListener("click", () => this.scale(1));
    section.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    new ResizeObserver(() => this.place()).observe(this.stage);
    this.open();
  }

  get picture() {
    return this.pictures[one(this.section, "select.picture").value];
  }

  version(side) {
    return this.picture.versions[one(this.section, `select.${side}`).value];
  }

  /** Another picture: its codecs, the same as before where it has them. */
  open() {
    const codecs = this.picture.versions.map((version) => version.codec);
    for (const [side, first] of [["left", 0], ["right", 1]]) {
      const select = one(this.section, `select.${side}`);
      const before = codecs.indexOf(select.selectedOptions[0]?.text);
      select.replaceChildren(...codecs.map((codec, at) => new Option(codec, at)));
      select.value = before >= 0 ? before : Math.min(first, codecs.length - 1);
    }
    const [width, height] = this.picture.shown;
    const widest = width < 256 ? width * Math.floor(512 / width) : width;
    this.stage.style.maxWidth = `${widest}px`;
    this.stage.style.aspectRatio = `${width} / ${height}`;
    const cut = width < this.picture.width || height < this.picture.height;
    const missing = Object.entries(this.picture.missing).map(([codec, why]) => `${codec} ${why}`);
    one(this.section, ".about").textContent =
      `${this.picture.image}, ${this.picture.width}×${this.picture.height}` +
      (cut ? `; the middle ${width}×${height} is shown, and numbers are of the whole. ` : ". ") +
      `At most ${grouped(this.picture.most_bytes)} bytes each.` + (missing.length ? ` Left out: ${missing.join("; ")}.` : "");
    this.scale(1);
    this.show();
  }

  show() {
    const sides = ["left", "right"].map((side) => this.version(side));
    for (const [at, side] of ["left", "right"].entries()) {
      const image = one(this.stage, `img.${side}`);
      image.src = sides[at].source;
      image.alt = `${this.picture.image}, ${sides[at].codec}, ${sides[at].setting}, ${grouped(sides[at].size_bytes)} bytes`;
    }
    const quality = (version, text) => (version.codec === "original" ? "" : text);
    const lines = [
      ["codec", (version) => version.codec],
      ["setting", (version) => version.setting],
      ["bytes", (version) => grouped(version.size_bytes)],
      ["bits per pixel", (version) => fixed(version.bpp, 4)],
      ["PSNR, dB", (version) => quality(version, decibels(version.psnr_db))],
      ["MS-SSIM", (version) => quality(version, fixed(version.ms_ssim, 4))],
      ["SSIMULACRA2", (version) => quality(version, fixed(version.ssimulacra2, 2))],
      ["PSNR-HVS-M, dB", (version) => quality(version, fixed(version.psnr_hvs_m_db, 2))],
      ["CVVDP, JOD", (version) => quality(version, fixed(version.cvvdp_jod, 2))],
      ["decoder kMAC per pixel", (version) => fixed(version.decoder_kmac_per_pixel, 2)],
    ];
    const measured = lines.filter(([, text]) => sides.some((version) => text(version) !== ""));
    one(this.section, ".numbers tbody").replaceChildren(...measured.map(([name, text]) => {
      const row = document.createElement("tr");
      cell(row, name, "th");
      for (const [at, side] of ["left", "right"].entries()) cell(row, text(sides[at]), "td", `number ${side}`);
      return row;
    }));
    this.place();
  }

  /** Puts divider and pictures where they belong. */
  place() {
    const at = Number(this.range.value);
    one(this.stage, ".clip").style.clipPath = `inset(0 ${100 - at}% 0 0)`;
    one(this.stage, ".divider").style.left = `${at}%`;
    this.range.setAttribute("aria-valuetext", `${at}% ${this.version("left").codec}, the rest ${this.version("right").codec}`);
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.x = Math.min(0, Math.max(width * (1 - this.zoom), this.x));
    this.y = Math.min(0, Math.max(height * (1 - this.zoom), this.y));
    for (const image of this.stage.querySelectorAll("img")) {
      image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    }
    this.stage.classList.toggle("zoomed", this.zoom > 1);
    this.stage.classList.toggle("sharp", this.zoom > 1 || width > this.picture.shown[0]);
  }

  step(by) {
    const at = Slider.ZOOMS.indexOf(this.zoom) + by;
    this.scale(Slider.ZOOMS[Math.min(Slider.ZOOMS.length - 1, Math.max(0, at))]);
  }

  /** Zooms about the middle of what is seen. */
  scale(zoom) {
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.x = width / 2 - (width / 2 - this.x) * (zoom / this.zoom);
    this.y = height / 2 - (height / 2 - this.y) * (zoom / this.zoom);
    this.zoom = zoom;
    one(this.section, ".scale").textContent = `${zoom}×`;
    this.place();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key === "+" || event.key === "=") this.step(1);
    else if (event.key === "-") this.step(-1);
    else if (event.key === "0") this.scale(1);
    else if (event.key in moves && event.target === this.stage && this.zoom > 1) {
      this.x += Slider.MOVE * moves[event.key][0];
      this.y += Slider.MOVE * moves[event.key][1];
      this.place();
    } else return;
    event.preventDefault();
  }

  /** Moves the divider, or a zoomed picture. */
  drag(event) {
    if (event.button) return;
    const from = { x: event.clientX - this.x, y: event.clientY - this.y };
    const move = (now) => {
      if (this.zoom > 1) {
        this.x = now.clientX - from.x;
        this.y = now.clientY - from.y;
      } else {
        const box = this.stage.getBoundingClientRect();
        this.range.value = Math.round((100 * (now.clientX - box.left)) / box.width);
      }
      this.place();
    };
    const end = () => {
      this.stage.removeEventListener("pointermove", move);
      this.stage.removeEventListener("pointerup", end);
      this.stage.removeEventListener("pointercancel", end);
    };
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener("pointerup", end);
    this.stage.addEventListener("pointercancel", end);
    move(event);
  }
}

document.querySelectorAll("section.slider").forEach((section) => new Slider(section));
