"use strict";
// Comfort only: the page can be read without this script.
(() => {
  const make = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // One tooltip for marks of charts and for terms.
  const tip = make("div", { className: "tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  document.querySelector("main").append(tip);
  const show = (text, box) => {
    tip.textContent = text;
    tip.hidden = false;
    const width = document.documentElement.clientWidth;
    const left = Math.min(box.left, width - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${box.bottom + 6 + scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  // Tables behind charts: closed at first, with a filter, an order and a way out as CSV.
  const cellText = (cell) => cell.textContent.trim().replaceAll("−", "-").replaceAll("\u00a0", " ");
  const csvCell = (text) => {
    const computed = /^[=+\-@\t\r]/.test(text) && !/^[+-][\d.]+$/.test(text);
    return `"${(computed ? "'" + text : text).replaceAll('"', '""')}"`;
  };
  const sortable = (table, rows) => {
    const body = table.tBodies[0];
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const texts = rows.map((row) => cellText(row.cells[column]));
        const numeric = texts.every((text) => !text || /^[+-]?\d/.test(text));
        const keys = new Map(rows.map((row, i) => [row, numeric ? parseFloat(texts[i]) : texts[i]]));
        const compare = (a, b) => (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
        const empty = (key) => key === "" || Number.isNaN(key);
        const sorted = [...rows].sort((a, b) => {
          const [x, y] = [keys.get(a), keys.get(b)];
          if (empty(x) || empty(y)) return empty(x) - empty(y);
          return up ? compare(x, y) : compare(y, x);
        });
        body.append(...sorted);
      });
      head.replaceChildren(button);
    });
  };
  for (const details of all("details.data")) {
    details.open = false;
    const table = details.querySelector("table");
    const rows = all("tbody tr", table);
    const input = make("input", { type: "search" });
    const count = make("output");
    count.setAttribute("aria-live", "polite");
    const filter = () => {
      const words = input.value.toLowerCase().match(/"[^"]*"|\S+/g) ?? [];
      let shown = 0;
      for (const row of rows) {
        const text = cellText(row).toLowerCase();
        const cells = new Set([...row.cells].map((cell) => `"${cellText(cell).toLowerCase()}"`));
        row.hidden = !words.every((word) => cells.has(word) || text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} row${rows.length === 1 ? "" : "s"}`;
    };
    input.addEventListener("input", filter);
    const save = make("button", { type: "button", textContent: "Save as CSV" });
    save.addEventListener("click", () => {
      const lines = all("tr", table).filter((row) => !row.hidden)
        .map((row) => [...row.cells].map((cell) => csvCell(cellText(cell))).join(","));
      const url = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
      make("a", { href: url, download: `${details.closest("[id]").id}.csv` }).click();
      URL.revokeObjectURL(url);
    });
    const label = make("label", {}, "Filter ", input);
    sortable(table, rows);
    details.querySelector("summary").after(make("div", { className: "tools" }, label, save, count));
    filter();
  }
  // Some tables are closed at first, more on narrow screens; on paper all are open.
  const folds = all("details.fold");
  const narrow = matchMedia("(max-width: 45rem)").matches;
  for (const fold of folds) fold.open = !narrow && !fold.matches(".always");
  // There, long tables of cards show their first rows until all are asked for.
  const most = 6;
  for (const table of narrow ? all("table.cards") : []) {
    const num = all("tbody tr", table).length;
    if (num <= most + 2) continue;
    const button = make("button", { type: "button" });
    const toggle = () => {
      const short = table.classList.toggle("short");
      button.textContent = short ? `Show all ${num} rows` : `Show ${most} rows`;
      button.setAttribute("aria-expanded", String(!short));
    };
    button.addEventListener("click", toggle);
    toggle();
    table.closest(".wide").after(make("div", { className: "tools" }, button));
  }
  let opened = [];
  let folded = [];
  addEventListener("beforeprint", () => {
    opened = all("details.data[open]");
    folded = folds.filter((fold) => !fold.open);
    for (const details of opened) details.open = false;
    for (const fold of folded) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = true;
    for (const fold of folded) fold.open = false;
  });

  // The table that holds the numbers of a chart, its own or that of all numbers.
  const tableOf = (figure) => figure.querySelector("details.data")
    ?? document.querySelector(`${figure.querySelector("a.shared").hash} details.data`);
  const find = (details, words) => {
    const input = details.querySelector("input");
    input.value = words.filter(Boolean).map((word) => `"${word}"`).join(" ");
    input.dispatchEvent(new Event("input"));
    details.open = true;
  };

  // Marks of charts: a tooltip by mouse, and by keyboard with the arrow keys.
  for (const figure of all("figure.chart")) {
    const marks = all('svg [role="graphics-symbol"][aria-label]', figure)
      .filter((mark) => !mark.closest(".role-axis, .role-legend, .role-title"));
    const detail = figure.querySelector(".detail");
    const shared = figure.querySelector("a.shared");
    shared?.addEventListener("click", () => find(tableOf(figure), [shared.dataset.filter]));
    marks.forEach((mark, index) => {
      mark.setAttribute("tabindex", index ? "-1" : "0");
      const text = mark.getAttribute("aria-label");
      const open = () => show(text, mark.getBoundingClientRect());
      mark.addEventListener("mouseenter", open);
      mark.addEventListener("focus", open);
      mark.addEventListener("mouseleave", hide);
      mark.addEventListener("blur", hide);
      const choose = () => {
        detail.textContent = text;
        const place = text.replace(/^.*? of /, "").split(/: /)[0].replace(", ", '" "');
        find(tableOf(figure), [place, shared?.dataset.filter]);
      };
      if (/^(heatmap|forest)/.test(figure.id)) mark.addEventListener("click", choose);
      mark.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (step) {
          const next = marks[index + step];
          if (next) { mark.tabIndex = -1; next.setAttribute("tabindex", "0"); next.focus(); }
          event.preventDefault();
        } else if (event.key === "Enter" && /^(heatmap|forest)/.test(figure.id)) choose();
      });
    });
  }

  // Figures that are alternatives: one at a time, by buttons.
  for (const section of all("section[data-choice]")) {
    const figures = all("figure.chart", section);
    if (figures.length < 2) continue;
    const buttons = figures.map((figure) => {
      const name = figure.dataset.short;
      const button = make("button", { type: "button", textContent: name });
      button.addEventListener("click", () => {
        figures.forEach((other, i) => {
          other.hidden = other !== figure;
          buttons[i].setAttribute("aria-pressed", String(other === figure));
        });
      });
      return button;
    });
    const bar = make("div", { className: "tools" }, ...buttons);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", section.dataset.choice);
    figures[0].before(bar);
    buttons[0].click();
  }

  // Terms in text and tables explain themselves.
  for (const link of all("a.term")) {
    const entry = document.getElementById(link.hash.slice(1));
    const open = () => show(entry.nextElementSibling.textContent, link.getBoundingClientRect());
    link.addEventListener("mouseenter", open);
    link.addEventListener("focus", open);
    link.addEventListener("mouseleave", hide);
    link.addEventListener("blur", hide);
  }

  // Pictures by attribute, kind and group.
  for (const filters of all(".filters")) {
    filters.hidden = false;
    const items = all("li", filters.parentElement.querySelector(".gallery"));
    const selects = all("select", filters);
    const apply = () => {
      let shown = 0;
      for (const item of items) {
        item.hidden = !selects.every((select) => !select.value
          || item.dataset[select.dataset.filter].split("\n").includes(select.value));
        shown += !item.hidden;
      }
      filters.querySelector("output").textContent = `${shown} of ${items.length} picture${items.length === 1 ? "" : "s"}`;
    };
    for (const select of selects) select.addEventListener("change", apply);
    apply();
  }
})();
