(() => {
  const section = document.getElementById("failing");
  const rows = Array.from(section.querySelectorAll("details.failure"));
  const controls = section.querySelector(".filters");
  const said = section.querySelector("output");
  const search = controls.querySelector("input");
  const selects = Array.from(controls.querySelectorAll("select"));
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const labels = rows.map((row) => JSON.parse(row.dataset.labels));
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, at) => {
      const fits = words.every((word) => texts[at].includes(word)) &&
        selects.every((select) => select.value === "" || labels[at].includes(select.value));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    said.textContent = count + " of " + rows.length + " shown";
  };
  controls.addEventListener("input", show);
  controls.hidden = false;
  show();
})();
