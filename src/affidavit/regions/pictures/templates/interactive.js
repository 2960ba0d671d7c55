"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const kinds = { float64: Float64Array, float32: Float32Array, uint32: Uint32Array, uint16: Uint16Array };
  function unpacked(name) {
    const packed = data.arrays[name];
    if (!packed) return null;
    const text = atob(packed.data), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new kinds[packed.type](bytes.buffer);
  }
  const point = unpacked("point"), size = unpacked("size"), vertex = unpacked("vertex");
  const regionOf = unpacked("region"), border = unpacked("border"), thin = data.arrays.thin;
  const share = unpacked("share"), offset = unpacked("offset"), slope = unpacked("slope");
  const rank = unpacked("rank"), decision = unpacked("decision");
  const pieces = size.length, regions = data.regions, features = data.features.length;

  // Positions in the unit square, with the original ones kept for what is told in numbers.
  const unit = new Float64Array(point.length);
  for (let i = 0; i < point.length; i++) {
    const axis = i & 1;
    unit[i] = (point[i] - data.lower[axis]) / (data.upper[axis] - data.lower[axis]);
  }
  const start = new Uint32Array(pieces + 1), first = new Uint32Array(regions + 1);
  for (let i = 0; i < pieces; i++) { start[i + 1] = start[i] + size[i]; first[regionOf[i] + 1]++; }
  for (let i = 0; i < regions; i++) first[i + 1] += first[i];
  const box = new Float64Array(4 * pieces);
  for (let i = 0; i < pieces; i++) {
    let l = Infinity, b = Infinity, r = -Infinity, t = -Infinity;
    for (let j = start[i]; j < start[i + 1]; j++) {
      const x = unit[2 * vertex[j]], y = unit[2 * vertex[j] + 1];
      if (x < l) l = x; if (x > r) r = x; if (y < b) b = y; if (y > t) t = y;
    }
    box[4 * i] = l; box[4 * i + 1] = b; box[4 * i + 2] = r; box[4 * i + 3] = t;
  }

  // A grid over the unit square: which pieces may hold a point.
  const side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(pieces))));
  const at = (value) => Math.max(0, Math.min(side - 1, Math.floor(value * side)));
  const gridStart = new Uint32Array(side * side + 1);
  function eachCell(piece, act) {
    const right = at(box[4 * piece + 2]), top = at(box[4 * piece + 3]);
    for (let y = at(box[4 * piece + 1]); y <= top; y++)
      for (let x = at(box[4 * piece]); x <= right; x++) act(y * side + x);
  }
  for (let i = 0; i < pieces; i++) eachCell(i, (cell) => { gridStart[cell + 1]++; });
  for (let i = 0; i < side * side; i++) gridStart[i + 1] += gridStart[i];
  const grid = new Uint32Array(gridStart[side * side]), filled = gridStart.slice();
  for (let i = 0; i < pieces; i++) eachCell(i, (cell) => { grid[filled[cell]++] = i; });
  function regionAt(x, y) {
    if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)) return -1;
    const cell = at(y) * side + at(x);
    for (let k = gridStart[cell]; k < gridStart[cell + 1]; k++) {
      const piece = grid[k];
      if (x < box[4 * piece] || x > box[4 * piece + 2] || y < box[4 * piece + 1] || y > box[4 * piece + 3]) continue;
      let inside = true;
      for (let j = start[piece], end = start[piece + 1]; j < end && inside; j++) {
        const a = 2 * vertex[j], b = 2 * vertex[j + 1 < end ? j + 1 : start[piece]];
        inside = (unit[b] - unit[a]) * (y - unit[a + 1]) - (unit[b + 1] - unit[a + 1]) * (x - unit[a]) >= 0;
      }
      if (inside) return regionOf[piece];
    }
    return -1;
  }

  // Colourings: a shade for each region, and pieces in the order of their shades.
  const colourings = new Map();
  if (decision) colourings.set("decision", {
    shades: data.classColours, of: (r) => decision[r],
    legend: (place) => data.classes.forEach((name, i) => place.append(swatch(data.classColours[i], name))),
  });
  data.features.forEach((name, f) => {
    const last = data.rankColours.length - 1, row = f * regions, steps = data.weightColours.length;
    let largest = 0;
    for (let r = 0; r < regions; r++) largest = Math.max(largest, Math.abs(slope[row + r] * data.widths[f]));
    colourings.set("rank of " + name, {
      shades: data.rankColours, of: (r) => Math.min(last, rank[row + r] - 1),
      legend: (place) => place.append(ramp(data.rankColours, "rank 1", "rank " + (last + 1))),
    });
    colourings.set("weight of " + name, {
      shades: data.weightColours,
      of: (r) => Math.round((steps - 1) * (0.5 + 0.5 * slope[row + r] * data.widths[f] / (largest || 1))),
      legend: (place) => place.append(ramp(data.weightColours, brief(-largest), brief(largest))),
    });
  });
  if (!colourings.size) colourings.set("nothing", { shades: ["#e6e9ec"], of: () => 0, legend: () => {} });
  function make(tag, text, kind) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  }
  function swatch(colour, name) {
    const item = make("span"), sign = make("i");
    sign.style.background = colour;
    item.append(sign, make("bdi", name));
    return item;
  }
  function ramp(shades, low, high) {
    const item = make("span", undefined, "ramp");
    item.append(make("b", low));
    for (const shade of shades) { const sign = make("i"); sign.style.background = shade; item.append(sign); }
    item.append(make("b", high));
    return item;
  }
  function brief(value) { return String(Number(value.toPrecision(4))).replace("-", "−"); }

  const canvas = document.getElementById("map"), pen = canvas.getContext("2d", { alpha: false });
  const details = document.getElementById("details"), spoken = document.getElementById("spoken");
  const complaint = document.getElementById("complaint"), legend = document.getElementById("legend");
  const LEFT = 58, BOTTOM = 40, TOP = 8, RIGHT = 8, SLICE = 5, ROOM = 0.2;
  let width = 0, height = 0, ratio = 1, ink = "#000", muted = "#555", paper = "#fff", band = "#eee";
  let view = { x: 0, y: 0, span: 1 }, colouring = null, order = null, bucket = null;
  let hovered = -1, pinned = -1, keyboard = false, asked = false, job = null;
  const whole = { canvas: document.createElement("canvas"), view: null };
  const sharp = { canvas: document.createElement("canvas"), view: null };

  function paint(name) {
    colouring = colourings.get(name);
    bucket = new Uint16Array(regions);
    for (let r = 0; r < regions; r++) bucket[r] = colouring.of(r);
    const count = new Uint32Array(colouring.shades.length + 1);
    for (let i = 0; i < pieces; i++) count[bucket[regionOf[i]] + 1]++;
    for (let i = 0; i < colouring.shades.length; i++) count[i + 1] += count[i];
    order = new Uint32Array(pieces);
    for (let i = 0; i < pieces; i++) order[count[bucket[regionOf[i]]]++] = i;
    legend.replaceChildren();
    colouring.legend(legend);
    whole.view = sharp.view = job = null;
    ask();
  }

  // Drawing goes in slices that leave each frame time for what moves; until a picture is done, the
  // last one is shown moved and scaled.
  function begin(target, room) {
    const from = { x: view.x - room * view.span, y: view.y - room * view.span, span: view.span * (1 + 2 * room) };
    if (target === whole) { from.x = from.y = 0; from.span = 1; }
    const draft = document.createElement("canvas");
    draft.width = Math.max(1, Math.round(width * ratio * (1 + 2 * room)));
    draft.height = Math.max(1, Math.round(height * ratio * (1 + 2 * room)));
    job = { target, draft, from, wanted: { ...view }, pen: draft.getContext("2d", { alpha: false }), next: 0, stage: 0, seen: 0 };
    job.pen.fillStyle = band;
    job.pen.fillRect(0, 0, draft.width, draft.height);
    job.pen.lineJoin = "round";
  }
  function work(until) {
    const { pen: p, from, draft } = job, sx = draft.width / from.span, sy = draft.height / from.span;
    const X = (x) => (x - from.x) * sx, Y = (y) => draft.height - (y - from.y) * sy;
    const right = from.x + from.span, top = from.y + from.span;
    while (job.stage === 0) {
      if (job.next >= pieces) { job.stage = 1; job.next = 0; break; }
      const shade = bucket[regionOf[order[job.next]]];
      p.beginPath();
      let drawn = 0;
      while (job.next < pieces && drawn < 150 && bucket[regionOf[order[job.next]]] === shade) {
        const i = order[job.next++];
        if (box[4 * i] > right || box[4 * i + 1] > top || box[4 * i + 2] < from.x || box[4 * i + 3] < from.y) continue;
        drawn++;
        let j = start[i];
        p.moveTo(X(unit[2 * vertex[j]]), Y(unit[2 * vertex[j] + 1]));
        for (j++; j < start[i + 1]; j++) p.lineTo(X(unit[2 * vertex[j]]), Y(unit[2 * vertex[j] + 1]));
        p.closePath();
      }
      if (drawn) {
        job.seen += drawn;
        p.fillStyle = p.strokeStyle = colouring.shades[shade];
        p.lineWidth = 0.7;
        p.fill();
        p.stroke();
      }
      if (performance.now() > until) return false;
    }
    const lines = border.length / 2;
    // Where regions are many, their borders would hide the colours.
    const dense = Math.min(1, Math.sqrt(2500 / (job.seen + 1)));
    while (job.next < lines) {
      const thick = job.next >= thin, end = thick ? lines : thin;
      p.beginPath();
      for (let drawn = 0; job.next < end && drawn < 400; job.next++) {
        const a = 2 * border[2 * job.next], b = 2 * border[2 * job.next + 1];
        if (Math.max(unit[a], unit[b]) < from.x || Math.min(unit[a], unit[b]) > right) continue;
        if (Math.max(unit[a + 1], unit[b + 1]) < from.y || Math.min(unit[a + 1], unit[b + 1]) > top) continue;
        p.moveTo(X(unit[a]), Y(unit[a + 1]));
        p.lineTo(X(unit[b]), Y(unit[b + 1]));
        drawn++;
      }
      p.globalAlpha = thick ? 1 : Math.max(0.2, dense);
      p.strokeStyle = thick ? "#101316" : "#59616a";
      p.lineWidth = (thick ? 1.9 : 0.7 * Math.max(0.5, dense)) * ratio;
      p.stroke();
      p.globalAlpha = 1;
      if (performance.now() > until) return false;
    }
    return true;
  }

  function blit(target) {
    if (!target.view) return;
    const from = target.view, w = from.span / view.span * width, h = from.span / view.span * height;
    const x = LEFT + (from.x - view.x) / view.span * width;
    const y = TOP + height - (from.y + from.span - view.y) / view.span * height;
    pen.drawImage(target.canvas, x, y, w, h);
  }
  const covers = (target) => target.view && target.view.x <= view.x && target.view.y <= view.y &&
    target.view.x + target.view.span >= view.x + view.span && target.view.y + target.view.span >= view.y + view.span;
  const px = (x) => LEFT + (x - view.x) / view.span * width;
  const py = (y) => TOP + height - (y - view.y) / view.span * height;
  function outline(region, colour, thickness) {
    const ring = hull(region, unit);
    if (ring.length < 3) return;
    pen.beginPath();
    ring.forEach((v, i) => { pen[i ? "lineTo" : "moveTo"](px(unit[2 * v]), py(unit[2 * v + 1])); });
    pen.closePath();
    pen.lineWidth = thickness + 2; pen.strokeStyle = "#ffffff"; pen.stroke();
    pen.lineWidth = thickness; pen.strokeStyle = colour; pen.stroke();
  }
  // Regions are convex: the hull of all pieces is the region.
  function hull(region, place) {
    const found = [];
    for (let i = first[region]; i < first[region + 1]; i++)
      for (let j = start[i]; j < start[i + 1]; j++) found.push(vertex[j]);
    const sorted = Array.from(new Set(found)).sort((a, b) => place[2 * a] - place[2 * b] || place[2 * a + 1] - place[2 * b + 1]);
    const turn = (a, b, c) => {
      const abx = place[2 * b] - place[2 * a], aby = place[2 * b + 1] - place[2 * a + 1];
      const acx = place[2 * c] - place[2 * a], acy = place[2 * c + 1] - place[2 * a + 1];
      return abx * acy - aby * acx > 1e-10 * Math.hypot(abx, aby) * Math.hypot(acx, acy);
    };
    const half = (list) => {
      const chain = [];
      for (const v of list) {
        while (chain.length > 1 && !turn(chain[chain.length - 2], chain[chain.length - 1], v)) chain.pop();
        chain.push(v);
      }
      chain.pop();
      return chain;
    };
    return half(sorted).concat(half(sorted.slice().reverse()));
  }
  function ticks(low, high, most) {
    let step = Math.pow(10, Math.floor(Math.log10((high - low) / most)));
    for (const factor of [1, 2, 5, 10]) if ((high - low) / (step * factor) <= most) { step *= factor; break; }
    const found = [];
    for (let i = Math.ceil(low / step); i <= high / step && found.length <= most + 1; i++) found.push(i * step);
    return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
  }
  function axes() {
    pen.fillStyle = paper;
    pen.fillRect(0, 0, LEFT, canvas.height); pen.fillRect(0, TOP + height, canvas.width, BOTTOM + 2);
    pen.fillRect(0, 0, canvas.width, TOP); pen.fillRect(LEFT + width, 0, RIGHT + 2, canvas.height);
    pen.strokeStyle = muted; pen.lineWidth = 1; pen.strokeRect(LEFT - 0.5, TOP - 0.5, width + 1, height + 1);
    pen.fillStyle = ink; pen.font = "11px system-ui, sans-serif";
    const user = (value, axis) => data.lower[axis] + value * (data.upper[axis] - data.lower[axis]);
    const shown = (value, digits) => digits > 9 ? value.toPrecision(12) : value.toFixed(digits).replace("-", "−");
    let [found, digits] = ticks(user(view.x, 0), user(view.x + view.span, 0), Math.max(2, width / 90));
    pen.textAlign = "center"; pen.textBaseline = "top";
    for (const t of found) {
      const x = px((t - data.lower[0]) / (data.upper[0] - data.lower[0]));
      pen.fillRect(x - 0.5, TOP + height, 1, 4); pen.fillText(shown(t, digits), x, TOP + height + 6);
    }
    pen.fillText(data.axes[0], LEFT + width / 2, TOP + height + 22, width);
    [found, digits] = ticks(user(view.y, 1), user(view.y + view.span, 1), Math.max(2, height / 60));
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (const t of found) {
      const y = py((t - data.lower[1]) / (data.upper[1] - data.lower[1]));
      pen.fillRect(LEFT - 4, y - 0.5, 4, 1); pen.fillText(shown(t, digits), LEFT - 6, y, LEFT - 22);
    }
    pen.save();
    pen.translate(9, TOP + height / 2); pen.rotate(-Math.PI / 2); pen.textAlign = "center";
    pen.fillText(data.axes[1], 0, 0, height);
    pen.restore();
  }
  const same = (a, b) => a && b && a.x === b.x && a.y === b.y && a.span === b.span;
  function frame() {
    asked = false;
    if (!width) return;
    if (!job) {
      if (!whole.view) begin(whole, 0);
      else if (!same(sharp.wanted, view) || !sharp.view) begin(sharp, ROOM);
    }
    if (job && work(performance.now() + SLICE)) {
      job.target.canvas = job.draft; job.target.view = job.from; job.target.wanted = job.wanted;
      job = null;
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = paper; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.save();
    pen.beginPath(); pen.rect(LEFT, TOP, width, height); pen.clip();
    pen.imageSmoothingEnabled = same(sharp.wanted, view); // smoothing takes time: not on the move
    if (!covers(sharp)) blit(whole);
    blit(sharp);
    if (hovered >= 0 && hovered !== pinned) outline(hovered, "#101316", 1.5);
    if (pinned >= 0) outline(pinned, "#101316", 3);
    if (keyboard) {
      const x = LEFT + width / 2, y = TOP + height / 2;
      for (const [colour, line] of [["#ffffff", 3], ["#101316", 1]]) {
        pen.strokeStyle = colour; pen.lineWidth = line; pen.beginPath();
        pen.moveTo(x - 9, y); pen.lineTo(x + 9, y); pen.moveTo(x, y - 9); pen.lineTo(x, y + 9); pen.stroke();
      }
    }
    pen.restore();
    axes();
    const done = !job && whole.view && same(sharp.wanted, view);
    canvas.dataset.state = done ? "sharp" : "drawing";
    if (!done) ask();
  }
  function ask() { if (!asked) { asked = true; requestAnimationFrame(frame); } }

  function tell(region) {
    if (Number(details.dataset.region) === region && details.dataset.pinned === String(pinned)) return;
    details.dataset.region = region; details.dataset.pinned = pinned;
    details.classList.toggle("pinned", pinned >= 0);
    details.replaceChildren();
    if (region < 0) { details.append(make("p", "Point at a region.", "note")); return; }
    const name = decision ? "Region " + region + ": " : "Region " + region;
    const heading = make("p", name, "name");
    if (decision) heading.append(make("bdi", data.classes[decision[region]]));
    details.append(heading, make("p", brief(100 * share[region]) + " % of the volume" + (pinned >= 0 ? ", pinned" : "")));
    details.append(make("h3", "Weights of " + data.of));
    const ranked = Array.from({ length: features }, (_, f) => f).sort((a, b) => rank[a * regions + region] - rank[b * regions + region]).slice(0, 8);
    const grid = make("table"), head = make("tr");
    [["feature", ""], ["slope", "num"], ["weight", "num"], ["rank", "num"]].forEach(([text, kind]) => {
      const cell = make("th", text, kind); cell.scope = "col"; head.append(cell);
    });
    grid.append(make("thead")); grid.lastChild.append(head); grid.append(make("tbody"));
    for (const f of ranked) {
      const row = make("tr"), title = make("th"), value = slope[f * regions + region];
      title.scope = "row"; title.append(make("bdi", data.features[f]));
      row.append(title, make("td", brief(value), "num"), make("td", brief(value * data.widths[f]), "num"), make("td", String(rank[f * regions + region]), "num"));
      grid.lastChild.append(row);
    }
    details.append(grid, make("p", "Offset " + brief(offset[region]) + ".", "note"), make("h3", "Constraints"), constraints(region));
  }
  function constraints(region) {
    const ring = hull(region, unit), list = make("ul");
    ring.forEach((v, i) => {
      const w = ring[(i + 1) % ring.length], sizes = [data.upper[0] - data.lower[0], data.upper[1] - data.lower[1]];
      // The hull runs anticlockwise: its outside is to the right of each edge.
      let a = (unit[2 * w + 1] - unit[2 * v + 1]) / sizes[0], b = -(unit[2 * w] - unit[2 * v]) / sizes[1];
      const largest = Math.max(Math.abs(a), Math.abs(b));
      a /= largest; b /= largest;
      if (Math.abs(a) < 1e-9) a = 0;
      if (Math.abs(b) < 1e-9) b = 0;
      const terms = [[a, 0], [b, 1]].filter(([factor]) => factor !== 0);
      const text = terms.map(([factor, axis], k) => (k ? (factor < 0 ? " − " : " + ") : factor < 0 ? "−" : "") +
        (Math.abs(factor) === 1 ? "" : brief(Math.abs(factor)) + " · ") + data.axes[axis]).join("");
      const item = make("li");
      item.append(make("bdi", text + " ≤ " + brief(a * point[2 * v] + b * point[2 * v + 1])));
      list.append(item);
    });
    return list;
  }
  function attend(region) {
    if (region !== hovered) { hovered = region; ask(); }
    if (pinned < 0) tell(region);
  }
  function pin(region) {
    pinned = region === pinned ? -1 : region;
    tell(pinned >= 0 ? pinned : hovered);
    spoken.textContent = pinned < 0 ? "No region is pinned." : "Region " + pinned + (decision ? ", " + data.classes[decision[pinned]] : "") + ", " + brief(100 * share[pinned]) + " % of the volume.";
    ask();
  }
  function show(region) {
    let l = 1, b = 1, r = 0, t = 0;
    for (let i = first[region]; i < first[region + 1]; i++) {
      l = Math.min(l, box[4 * i]); b = Math.min(b, box[4 * i + 1]); r = Math.max(r, box[4 * i + 2]); t = Math.max(t, box[4 * i + 3]);
    }
    const span = Math.min(1, Math.max(1e-9, 2.5 * Math.max(r - l, t - b)));
    look((l + r) / 2 - span / 2, (b + t) / 2 - span / 2, span);
    pinned = -1;
    pin(region);
  }
  function look(x, y, span) {
    span = Math.min(1.25, Math.max(1e-9, span));
    const keep = 0.1 * span;
    view = { x: Math.max(keep - span, Math.min(1 - keep, x)), y: Math.max(keep - span, Math.min(1 - keep, y)), span };
    ask();
  }
  function zoom(factor, x, y) { look(x - (x - view.x) * factor, y - (y - view.y) * factor, view.span * factor); }
  const middle = () => [view.x + view.span / 2, view.y + view.span / 2];
  function place(event) {
    const rect = canvas.getBoundingClientRect();
    return [view.x + (event.clientX - rect.left - LEFT) / width * view.span, view.y + (TOP + height - event.clientY + rect.top) / height * view.span];
  }

  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    keyboard = false; moved = fingers.size ? 99 : 0;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) { attend(regionAt(...place(event))); return; }
    const dx = event.clientX - last[0], dy = event.clientY - last[1];
    if (fingers.size === 2) {
      const [other] = Array.from(fingers).filter(([id]) => id !== event.pointerId)[0].slice(1);
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]), after = Math.hypot(event.clientX - other[0], event.clientY - other[1]);
      if (after > 0) zoom(before / after, ...place(event));
    } else {
      look(view.x - dx / width * view.span, view.y + dy / height * view.span, view.span);
    }
    moved += Math.abs(dx) + Math.abs(dy);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const region = moved < 4 ? regionAt(...place(event)) : -1;
    if (region >= 0) pin(region);
  });
  canvas.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); });
  canvas.addEventListener("pointerleave", () => { attend(-1); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY * lines)) / 400), ...place(event));
    attend(regionAt(...place(event)));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = 0.1 * view.span;
    const acts = {
      ArrowLeft: () => look(view.x - step, view.y, view.span), ArrowRight: () => look(view.x + step, view.y, view.span),
      ArrowUp: () => look(view.x, view.y + step, view.span), ArrowDown: () => look(view.x, view.y - step, view.span),
      "+": () => zoom(0.8, ...middle()), "=": () => zoom(0.8, ...middle()), "-": () => zoom(1.25, ...middle()),
      0: () => look(0, 0, 1),
      Enter: () => { const region = regionAt(...middle()); if (region >= 0) pin(region); },
      Escape: () => { if (pinned >= 0) pin(pinned); },
    };
    acts[" "] = acts.Enter;
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keyboard = true;
    acts[event.key]();
    attend(regionAt(...middle()));
    ask();
  });
  canvas.addEventListener("blur", () => { keyboard = false; ask(); });

  const chooser = document.getElementById("colouring"), options = document.getElementById("colourings");
  for (const name of colourings.keys()) { const option = make("option"); option.value = name; options.append(option); }
  chooser.value = colourings.keys().next().value;
  let current = chooser.value;
  function choose() {
    const wanted = chooser.value.trim().toLowerCase(), all = Array.from(colourings.keys());
    const found = all.find((name) => name.toLowerCase() === wanted) || (wanted ? all.find((name) => name.toLowerCase().includes(wanted)) : current);
    complaint.textContent = found ? "" : "There is no such colouring: decision, rank of or weight of a feature.";
    chooser.setAttribute("aria-invalid", String(!found));
    if (!found) return;
    chooser.value = found;
    if (found !== current) { current = found; paint(found); }
  }
  chooser.addEventListener("change", choose);
  chooser.addEventListener("focus", () => { chooser.select(); });
  document.getElementById("number").addEventListener("change", (event) => {
    const region = Number(event.target.value), there = event.target.value !== "" && Number.isInteger(region) && region >= 0 && region < regions;
    complaint.textContent = there ? "" : "Regions are numbered from 0 to " + (regions - 1) + ".";
    if (there) show(region);
  });
  document.getElementById("in").addEventListener("click", () => zoom(0.67, ...middle()));
  document.getElementById("out").addEventListener("click", () => zoom(1.5, ...middle()));
  document.getElementById("whole").addEventListener("click", () => look(0, 0, 1));
  document.addEventListener("click", (event) => {
    const region = event.target.dataset && event.target.dataset.region;
    if (event.target.tagName === "BUTTON" && region !== undefined) { show(Number(region)); canvas.scrollIntoView({ block: "nearest" }); }
  });

  function measure() {
    const rect = canvas.getBoundingClientRect(), style = getComputedStyle(document.documentElement);
    ratio = Math.min(2, window.devicePixelRatio || 1);
    canvas.width = Math.round(rect.width * ratio); canvas.height = Math.round(rect.height * ratio);
    width = Math.max(1, rect.width - LEFT - RIGHT); height = Math.max(1, rect.height - TOP - BOTTOM);
    [ink, muted, paper, band] = ["--ink", "--muted", "--paper", "--band"].map((name) => style.getPropertyValue(name).trim());
    whole.view = sharp.view = job = null;
    ask();
  }
  new ResizeObserver(measure).observe(canvas);
  for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", measure);
  measure();
  paint(current);
})();
