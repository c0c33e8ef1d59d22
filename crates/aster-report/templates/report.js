"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);

  // --- lines ------------------------------------------------------------------------------

  const numbers = (text, Type) =>
    new Type(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer);
  const decode = ({ name, x, y }) =>
    ({ name, x: numbers(x, Float64Array), y: numbers(y, Float32Array) });
  const [scores, thresholds] = [data.scores, data.thresholds].map(decode);
  const channels = data.channels.map(decode);

  // First place of a sorted list that is not below a value.
  const place = (list, value) => {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle] < value) low = middle + 1; else high = middle;
    }
    return low;
  };

  // The lowest and the highest point of each of so many stretches within a range: no more is
  // seen on a screen.
  const sampled = ({ x, y }, [begin, end], stretches) => {
    const first = Math.max(0, place(x, begin) - 1);
    const past = Math.min(x.length, place(x, end) + 1);
    if (past - first <= 2 * stretches) return { x: x.slice(first, past), y: y.slice(first, past) };
    const chosen = [];
    for (let number = 0; number < stretches; number++) {
      const from = first + Math.floor((number * (past - first)) / stretches);
      const to = first + Math.floor(((number + 1) * (past - first)) / stretches);
      let [low, high] = [from, from];
      for (let i = from; i < to; i++) {
        if (y[i] < y[low]) low = i;
        if (y[i] > y[high]) high = i;
      }
      chosen.push(Math.min(low, high));
      if (low !== high) chosen.push(Math.max(low, high));
    }
    return { x: Float64Array.from(chosen, (i) => x[i]), y: Float32Array.from(chosen, (i) => y[i]) };
  };

  // --- colours ----------------------------------------------------------------------------

  const root = document.documentElement;
  const wanted = matchMedia("(prefers-color-scheme: dark)");
  let chosenTheme = null;
  const theme = () => chosenTheme ?? (wanted.matches ? "dark" : "light");
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const colours = () => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: css("--text"), family: "system-ui, sans-serif" },
    modebar: {
      bgcolor: "rgba(0,0,0,0)", color: css("--faint"), activecolor: css("--accent"),
      remove: ["select", "lasso"],
    },
  });
  const axis = (more) => ({
    gridcolor: css("--line"), zerolinecolor: css("--line"), linecolor: css("--line"),
    automargin: true, ...more,
  });
  const config = { responsive: true, displaylogo: false, scrollZoom: true };

  // --- series -----------------------------------------------------------------------------

  const series = $("series");
  const shown = new Set(data.shown);
  let range = data.whole;
  let logarithmic = false;

  const shade = (name, stretches, colour) => ({
    name, type: "scatter", mode: "lines", fill: "toself", fillcolor: colour, line: { width: 0 },
    yaxis: "y", hoverinfo: "skip", legendgroup: name,
    x: stretches.flatMap(([begin, end]) => [begin, begin, end, end, null]),
    y: stretches.flatMap(() => [0, 1, 1, 0, null]),
  });

  const lines = () => [scores, thresholds, ...[...shown].sort((a, b) => a - b).map((i) => channels[i])];

  const drawSeries = () => {
    const width = Math.max(300, series.clientWidth || 900);
    const picked = lines().map((line) => ({ name: line.name, ...sampled(line, range, width) }));
    const count = picked.length - 2;
    // The scores get as much room as two channels; a gap lies between all.
    const unit = 1 / (count + 2), gap = 0.12 * unit;
    const looks = [
      { line: { color: "#2f81c2", width: 1.2 }, yaxis: "y2" },
      { line: { color: css("--text"), width: 1, dash: "dash" }, yaxis: "y2" },
    ];
    const layout = {
      ...colours(),
      height: 260 + 110 * count,
      margin: { l: 60, r: 20, t: 10, b: 40 },
      showlegend: true,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      hovermode: "x unified",
      dragmode: "zoom",
      uirevision: "series",
      xaxis: axis({
        type: data.time ? "date" : "linear", title: { text: data.axis }, range: [...range],
        anchor: `y${count + 2}`,
      }),
      // Plotly draws axes in their order: shades lie behind all else.
      yaxis: { domain: [0, 1], range: [0, 1], visible: false, fixedrange: true },
      yaxis2: axis({
        domain: [count * unit + gap, 1], type: logarithmic ? "log" : "linear",
        title: { text: "score [nats]" }, fixedrange: true,
      }),
    };
    const traces = [
      shade("alarms", data.alarms, "rgba(230,159,0,0.25)"),
      ...(data.labelled.length
        ? [shade("labelled anomalies", data.labelled, "rgba(213,94,0,0.25)")] : []),
    ];
    picked.forEach((line, i) => {
      const { name } = line;
      const look = looks[i] ?? {
        line: { color: css("--faint"), width: 1 }, yaxis: `y${i + 1}`, showlegend: false,
      };
      traces.push({ type: "scatter", mode: "lines", ...line, ...look });
      if (i >= 2) {
        const below = count - 1 - (i - 2);
        layout[`yaxis${i + 1}`] = axis({
          domain: [below * unit + gap / 2, (below + 1) * unit - gap / 2], fixedrange: true,
          title: { text: name.length > 14 ? `${name.slice(0, 13)}…` : name, font: { size: 11 } },
          nticks: 4,
        });
      }
    });
    return Plotly.react(series, traces, layout, config);
  };

  const show = (next) => {
    const [begin, end] = next;
    const [first, last] = data.whole;
    if (!(end > begin)) return;
    range = [Math.max(begin, first - (last - first)), Math.min(end, last + (last - first))];
    drawSeries();
  };

  // Plotly tells dates as text, without a time zone: they are UTC.
  const asNumber = (value) =>
    typeof value === "number" ? value : Date.parse(`${value.replace(" ", "T")}Z`.replace(/^(\d{4}-\d{2}-\d{2})Z$/, "$1T00:00:00Z"));
  const onMove = (event) => {
    if (event["xaxis.autorange"]) return show(data.whole);
    const [begin, end] = event["xaxis.range"] ?? [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (begin !== undefined && end !== undefined) show([asNumber(begin), asNumber(end)]);
  };

  const list = $("channels");
  channels.forEach(({ name }, number) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = number;
    label.append(box, ` ${name}`);
    list.append(label);
  });
  const tick = () => list.querySelectorAll("input").forEach((box) => {
    box.checked = shown.has(Number(box.value));
  });
  tick();
  list.addEventListener("change", ({ target }) => {
    const number = Number(target.value);
    if (target.checked) shown.add(number); else shown.delete(number);
    drawSeries();
  });
  $("find").addEventListener("input", ({ target }) => {
    const text = target.value.toLowerCase();
    list.querySelectorAll("label").forEach((label) => {
      label.hidden = !label.textContent.toLowerCase().includes(text);
    });
  });
  $("log").addEventListener("change", ({ target }) => { logarithmic = target.checked; drawSeries(); });
  $("reset").addEventListener("click", () => show(data.whole));

  // --- alarms -----------------------------------------------------------------------------

  const choose = (row) => {
    document.querySelectorAll("#alarms .chosen").forEach((other) => other.classList.remove("chosen"));
    row.classList.add("chosen");
    const contributing = row.dataset.channels.split(" ").filter(Boolean).map(Number);
    if (contributing.length) {
      shown.clear();
      contributing.forEach((number) => shown.add(number));
      tick();
    }
    show([Number(row.dataset.start), Number(row.dataset.end)]);
    series.scrollIntoView({ behavior: "smooth", block: "nearest" });
  };
  document.querySelectorAll("#alarms tr[tabindex]").forEach((row) => {
    row.addEventListener("click", () => choose(row));
    row.addEventListener("keydown", ({ key }) => { if (key === "Enter") choose(row); });
  });

  // --- other plots ------------------------------------------------------------------------

  const figures = [...document.querySelectorAll("script.figure")].map((script) => (
    { of: $(script.dataset.of), figure: JSON.parse(script.textContent) }
  ));
  const drawFigures = () => Promise.all(figures.map(({ of, figure: { data: traces, layout } }) =>
    Plotly.react(of, traces, {
      ...layout, ...colours(),
      height: 340, margin: { l: 55, r: 15, t: 10, b: 45 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
    }, config)));

  // --- together ---------------------------------------------------------------------------

  const draw = (asked) => {
    root.dataset.theme = asked;
    return Promise.all([drawSeries(), drawFigures()]);
  };
  $("theme").addEventListener("click", () => {
    chosenTheme = theme() === "dark" ? "light" : "dark";
    draw(chosenTheme);
  });
  wanted.addEventListener("change", () => draw(theme()));
  window.addEventListener("beforeprint", () => draw("light"));
  window.addEventListener("afterprint", () => draw(theme()));
  draw(theme()).then(() => {
    series.on("plotly_relayout", onMove);
    root.dataset.ready = "true";
  });
})();
