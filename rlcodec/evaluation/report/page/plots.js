"use strict";
const report = JSON.parse(document.getElementById("report-data").textContent);

/** Text as Plotly takes it, which reads some tags. */
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const known = (value) => value !== null && value !== undefined;
const fixed = (value, digits) => (known(value) ? value.toFixed(digits) : "");
const grouped = (value) => (known(value) ? Math.round(value).toLocaleString("en-GB") : "");
const decibels = (value) => (known(value) && value >= report.exact_db - 1e-9 ? "exact" : fixed(value, 2));
const one = (root, selector) => root.querySelector(selector);
const chosen = (root, selector) => one(root, selector)?.value ?? "";
const narrow = () => window.matchMedia("(max-width: 30rem)").matches;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(title, more = {}) {
  const line = colour("line");
  return {
    title: { text: title, standoff: 8 }, gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true,
    nticks: narrow() ? 6 : 9, ...more,
  };
}

function draw(element, traces, x, y, more = {}) {
  if (!element) return;
  const layout = {
    margin: { l: 56, r: 14, t: 24, b: 48 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("ink"), family: "system-ui, sans-serif", size: 12 }, showlegend: false, hovermode: "closest",
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("quiet"), font: { color: colour("ink") } },
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom", xaxis: x, yaxis: y,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("quiet"), activecolor: colour("accent") }, ...more,
  };
  const config = {
    responsive: true, displaylogo: false, displayModeBar: window.matchMedia("(hover: hover)").matches ? "hover" : false,
    modeBarButtons: [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  Plotly.react(element, traces, layout, config);
}

function cell(row, text, kind = "td", name = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (kind === "th") made.scope = "row";
  if (name) made.className = name;
  row.append(made);
}

/** Other options in a select; what was chosen stays so where it still is, else one in the middle is. */
function fill(select, values) {
  const before = select.value;
  select.replaceChildren(...values.map((value) => new Option(value, value)));
  select.value = values.includes(before) ? before : values[values.length >> 1];
}

function hover(row) {
  const compute = known(row.decoder_kmac_per_pixel) ? `, ${fixed(row.decoder_kmac_per_pixel, 2)} kMAC per pixel` : "";
  const score = known(row.ssimulacra2) ? `, SSIMULACRA2 ${fixed(row.ssimulacra2, 2)}` : "";
  const choice = row.choice ? `<br>chose ${plain(row.choice)}` : "";
  const size = known(row.size_bytes) ? `${grouped(row.size_bytes)} bytes, ` : "";
  return `<b>${plain(row.codec)}</b>, ${plain(row.setting)}<br>${size}${fixed(row.bpp, 4)} bits per pixel<br>` +
    `PSNR ${decibels(row.psnr_db)}, MS-SSIM ${fixed(row.ms_ssim, 4)}${score}${compute}${choice}<extra></extra>`;
}

/** Codecs: curves, compute, bars, and the table below them; all follow the same picture and the same codecs. */
function showCodecs(section) {
  const content = report.comparisons[section.dataset.index];
  const image = chosen(section, "select.image");
  const shown = new Set([...section.querySelectorAll(".codecs input:checked")].map((box) => box.value));
  const rows = (image ? content.rows.filter((row) => row.image === image) : content.mean).filter((row) => shown.has(row.codec));
  const curves = content.codecs.filter((codec) => shown.has(codec.name)).map((codec) => {
    const own = rows.filter((row) => row.codec === codec.name).sort((a, b) => a.bpp - b.bpp);
    return [codec, own];
  });

  const trace = ([codec, own], measure) => ({
    name: plain(codec.name), x: own.map((row) => row.bpp), y: own.map((row) => row[measure]), mode: "lines+markers",
    line: { color: codec.colour, dash: codec.dash, width: 2 }, marker: { color: codec.colour, symbol: codec.symbol, size: 8 },
    hovertemplate: own.map(hover), connectgaps: false,
  });
  for (const [measure, title] of [["psnr_db", "PSNR, dB"], ["ms_ssim_db", "MS-SSIM, dB"], ["ssimulacra2", "SSIMULACRA2"]]) {
    const known_ = curves.filter(([, own]) => own.some((row) => known(row[measure])));
    draw(one(section, `[data-chart=${measure}]`), known_.map((curve) => trace(curve, measure)),
      axis("bits per pixel", { rangemode: "tozero" }), axis(title));
  }
  showCompute(section, curves, trace);
  showSizes(section, content, shown);

  const body = one(section, "table.rows tbody");
  body.replaceChildren(...rows.map((row) => {
    const made = document.createElement("tr");
    cell(made, row.codec, "th");
    cell(made, row.choice ? `${row.setting}: ${row.choice}` : row.setting);
    const numbers = [
      grouped(row.size_bytes), fixed(row.bpp, 4), decibels(row.psnr_db), fixed(row.ms_ssim, 4), fixed(row.ms_ssim_db, 2),
      fixed(row.ssimulacra2, 2), fixed(row.psnr_hvs_m_db, 2),
      fixed(row.decoder_kmac_per_pixel, 2), fixed(row.encode_ms, 1), fixed(row.decode_ms, 1),
    ];
    for (const number of numbers) cell(made, number, "td", "number");
    return made;
  }));
  if (content.rows.length) one(section, ".shown-image").textContent = image || `mean of ${content.pictures}`;
}

function showCompute(section, curves, trace) {
  const element = one(section, "[data-chart=compute]");
  if (!element) return;
  const measure = chosen(section, "select.compute");
  const values = curves.flatMap(([, own]) => own.map((row) => row[measure])).filter((value) => known(value) && value > 0);
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)].map(Math.log10) : [0, 1];
  const ticks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const digit of high - low > 2 ? [1] : high - low > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]) {
      ticks.push(digit * 10 ** power);
    }
  }
  const named = measure === "decode_ms" ? "milliseconds of decoding" : "decoder kMAC per pixel";
  const traces = curves.map((curve) => {
    const made = trace(curve, "psnr_db");
    const costs = curve[1].map((row) => row[measure]);
    made.line = { ...made.line, width: 1 };
    const some = costs.some((cost) => known(cost) && cost > 0);
    made.marker = {
      symbol: curve[0].symbol + (some ? "" : "-open"), size: 11, line: { color: some ? colour("ink") : curve[0].colour, width: 1 },
      color: some ? costs.map((cost) => Math.log10(cost)) : curve[0].colour,
      coloraxis: some ? "coloraxis" : undefined,
    };
    made.hovertemplate = curve[1].map((row) => hover(row).replace("<extra>", `<br>${fixed(row[measure], 2)} ${named}<extra>`));
    if (measure === "decoder_kmac_per_pixel") made.hovertemplate = curve[1].map(hover);
    return made;
  });
  const bar = {
    orientation: "h", thickness: 10, y: -0.24, yanchor: "top", title: { text: named, side: "bottom" },
    tickvals: ticks.map(Math.log10), ticktext: ticks.map((tick) => String(Number(tick.toPrecision(2)))), outlinewidth: 0,
  };
  draw(element, traces, axis("bits per pixel", { rangemode: "tozero" }), axis("PSNR, dB"), {
    coloraxis: { colorscale: "Viridis", cmin: low, cmax: high > low ? high : low + 0.1, colorbar: bar, showscale: values.length > 0 },
    margin: { l: 56, r: 14, t: 24, b: 100 },
  });
}

function showSizes(section, content, shown) {
  const level = chosen(section, "select.level");
  const bars = (content.sizes[level] ?? []).filter((bar) => shown.has(bar.codec));
  const looks = Object.fromEntries(content.codecs.map((codec) => [codec.name, codec]));
  draw(one(section, "[data-chart=sizes]"), [{
    type: "bar", orientation: "h", y: bars.map((bar) => plain(bar.codec)), x: bars.map((bar) => bar.size_bytes),
    marker: { color: bars.map((bar) => looks[bar.codec].colour) }, text: bars.map((bar) => grouped(bar.size_bytes)),
    textposition: "auto", cliponaxis: false, hovertemplate: "<b>%{y}</b><br>%{text} bytes<extra></extra>",
  }], axis("bytes of a mean picture"), axis("", { autorange: "reversed" }));
}

/** What the policy chose: every picture's rate and PSNR, coloured by the first number of its choice. */
function showChoices(section) {
  const content = report.comparisons[section.dataset.index];
  const policy = chosen(section, "select.policy");
  const mine = content.rows.filter((row) => row.codec === policy);
  fill(one(section, "select.setting"), [...new Set(mine.map((row) => row.setting))]);
  const rows = mine.filter((row) => row.setting === chosen(section, "select.setting"));
  const first = (row) => row.choice.split(", ")[0];
  const rest = (row) => row.choice.split(", ").slice(1).join(", ");
  const number = (row) => Number((first(row).match(/-?[\d.]+/) ?? [0])[0]);
  const name = rows.length ? first(rows[0]).replace(/-?[\d.]+/, "").trim() : "";
  const symbols = ["circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon"];
  const traces = [...new Set(rows.map(rest))].map((kind, at) => {
    const own = rows.filter((row) => rest(row) === kind);
    return {
      name: plain(kind) || name, x: own.map((row) => row.bpp), y: own.map((row) => row.psnr_db), mode: "markers",
      marker: { color: own.map(number), coloraxis: "coloraxis", symbol: symbols[at % 8], size: 12, line: { color: colour("ink"), width: 1 } },
      hovertemplate: own.map((row) => `<b>${plain(row.image)}</b><br>${plain(row.choice)}<br>${fixed(row.bpp, 4)} bits per pixel, ` +
        `PSNR ${decibels(row.psnr_db)}<extra></extra>`),
    };
  });
  draw(one(section, ".chart"), traces, axis("bits per pixel", { rangemode: "tozero" }), axis("PSNR, dB"), {
    showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 56, r: 14, t: 40, b: 100 },
    coloraxis: { colorscale: "Viridis", showscale: new Set(rows.map(number)).size > 1, colorbar: { orientation: "h", thickness: 10, y: -0.24, yanchor: "top", title: { text: plain(name), side: "right" } } },
  });
}

function showShares(section) {
  const run = report.shares[chosen(section, "select.run")];
  fill(one(section, "select.kind"), [...new Set(run.rows.filter((row) => row.counts).map((row) => row.kind))]);
  const rows = run.rows.filter((row) => row.counts && row.kind === chosen(section, "select.kind"))
    .sort((a, b) => a.lambda_rate - b.lambda_rate || a.lambda_compute - b.lambda_compute);
  const rates = [...new Set(rows.map((row) => row.lambda_rate))];
  const places = rows.map((row, at) => at + rates.indexOf(row.lambda_rate));
  const middles = rates.map((rate) => {
    const own = places.filter((_, at) => rows[at].lambda_rate === rate);
    return own.reduce((sum, place) => sum + place, 0) / own.length;
  });
  const contenders = [["threshold", "threshold rule", "diamond", 2], ["planner", "planner", "square-open", 1], ["policy", "policy", "circle", 0]];
  const traces = contenders.map(([column, name, symbol, at]) => ({
    name, x: places, y: rows.map((row) => row[`share_${column}`]), mode: "markers",
    marker: { symbol, color: report.colours[at], size: symbol === "circle" ? 8 : 11, line: { width: 2, color: report.colours[at] } },
    hovertemplate: rows.map((row) => `<b>${name}</b>: ${fixed(row[`share_${column}`], 3)}<br>λ rate ${row.lambda_rate.toPrecision(3)}, ` +
      `λ compute ${row.lambda_compute.toPrecision(2)}<extra></extra>`),
  }));
  const lowest = Math.min(0, ...rows.flatMap((row) => contenders.map(([column]) => row[`share_${column}`])).filter(known));
  const ticks = { tickmode: "array", tickvals: middles, ticktext: rates.map((rate) => String(Number(rate.toPrecision(3)))), showgrid: false, zeroline: false };
  draw(one(section, ".chart"), traces, axis("λ rate", ticks),
    axis("share of the gap", { range: [Math.max(lowest, -1) - 0.05, 1.1] }),
    { showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 56, r: 14, t: 40, b: 48 } });
}

function showLearning(section) {
  const tag = chosen(section, "select.tag");
  const traces = report.trained.filter((run) => tag in run.curves).map((run, at) => ({
    name: plain(run.name), x: run.curves[tag][0], y: run.curves[tag][1], mode: "lines+markers",
    line: { color: report.colours[at % 8], width: 2 }, marker: { size: 4 },
    hovertemplate: `<b>${plain(run.name)}</b><br>step %{x:,}<br>%{y:.5g}<extra></extra>`,
  }));
  draw(one(section, ".chart"), traces, axis("steps"), axis(plain(tag)), {
    showlegend: traces.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 56, r: 14, t: 40, b: 48 },
  });
}

function showPlots() {
  for (const [selector, show] of [[".comparison", showCodecs], [".choices", showChoices], ["#shares", showShares], ["#learning", showLearning]]) {
    document.querySelectorAll(`section${selector}`).forEach(show);
  }
}

for (const [selector, show] of [[".comparison", showCodecs], [".choices", showChoices], ["#shares", showShares], ["#learning", showLearning]]) {
  document.querySelectorAll(`section${selector}`).forEach((section) => section.addEventListener("change", () => show(section)));
}
document.querySelectorAll(".swatch").forEach((swatch) => { swatch.style.color = swatch.dataset.colour; });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showPlots);
showPlots();
