"use strict";
// Headings of sortable tables become buttons: ascending, then descending. What is unknown stays last.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numeric = heading.classList.contains("number");
      const key = (row) => row.cells[index].dataset.key;
      const compare = (one, other) =>
        numeric ? Number(one) - Number(other) : one.localeCompare(other, "en", { numeric: true });
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return down ? compare(b, a) : compare(a, b);
      });
      body.append(...rows);
    });
  });
}
// Who does not see the last columns is told that they are there.
const mark = () => {
  for (const box of document.querySelectorAll(".scroll")) {
    box.classList.toggle("wider", box.scrollWidth > box.clientWidth + 1);
  }
};
window.addEventListener("resize", mark);
document.addEventListener("toggle", mark, true);
mark();
// Paper cannot be unfolded.
const folded = () => document.querySelectorAll("details:not([open])");
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...folded()];
  for (const part of opened) part.open = true;
});
window.addEventListener("afterprint", () => {
  for (const part of opened) part.open = false;
});
