/* The scoreboard's filter: a button per verdict hides the rows of the others. */
document.addEventListener("DOMContentLoaded", () => {
  const buttons = document.querySelectorAll(".verdict-filter button");
  const rows = document.querySelectorAll("table.scoreboard tbody tr");
  buttons.forEach((button) =>
    button.addEventListener("click", () => {
      const wanted = button.dataset.verdict;
      buttons.forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
      rows.forEach((row) => {
        const verdict = row.querySelector(".sd-badge").textContent.replace(/ here$/, "");
        row.hidden = wanted !== "all" && verdict !== wanted;
      });
    })
  );
});
