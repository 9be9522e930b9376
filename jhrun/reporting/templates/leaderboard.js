// the table works without this script; with it, columns sort, filter and hide
const board = document.querySelector("#board");
const pairs = table => [...table.tBodies[0].querySelectorAll("tr.line")].map(line => [line, line.nextElementSibling]);
const key = (line, column) => line.cells[column].dataset.sort ?? line.cells[column].textContent;
const compare = (a, b) => a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
for (const table of board.querySelectorAll("table.ranks")) {
  for (const head of table.tHead.rows[0].cells) {
    head.firstElementChild.addEventListener("click", () => {
      const column = head.cellIndex, first = head.getAttribute("aria-sort") ?? "";
      // figures begin with the largest, names and ranks with the first
      const descending = first ? first === "ascending" : pairs(table).some(([line]) => key(line, column) && !isNaN(key(line, column))) && column > 0;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const sorted = pairs(table).map(pair => [key(pair[0], column), pair]);
      const empty = sorted.filter(([value]) => value === ""), full = sorted.filter(([value]) => value !== "");
      full.sort(([a], [b]) => (descending ? -1 : 1) * compare(a, b));
      for (const [, pair] of [...full, ...empty]) table.tBodies[0].append(...pair);
    });
  }
}
const filter = document.querySelector("#filter");
const show = () => {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const table of board.querySelectorAll("table.ranks")) for (const [line, more] of pairs(table)) {
    const text = line.textContent.toLowerCase();
    line.hidden = more.hidden = !wanted.every(word => text.includes(word));
  }
};
filter.addEventListener("input", show);
const choose = box => {
  for (const cell of board.querySelectorAll(`tr.line > :nth-child(${box.value}), thead th:nth-child(${box.value})`))
    cell.hidden = !box.checked;
};
for (const box of document.querySelectorAll("#columns input")) {
  box.addEventListener("change", () => choose(box));
  // a browser may restore what was chosen before
  choose(box);
}
show();
document.querySelector("#tools").hidden = false;
