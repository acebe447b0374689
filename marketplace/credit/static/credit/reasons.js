// Puts a chosen reason's words into its field, to be changed from there; asks before it replaces what was typed.
for (const choice of document.querySelectorAll("select[data-fills]")) {
  const field = document.getElementById(choice.dataset.fills);
  let put = "";
  choice.addEventListener("change", () => {
    if (!field || (field.value.trim() && field.value !== put)) {
      choice.value = "";
      field?.focus();
      return;
    }
    put = choice.value;
    field.value = put;
    field.focus();
  });
}
