(function () {
  "use strict";
  var form = document.getElementById("filter");
  var fixtures = Array.prototype.slice.call(document.querySelectorAll(".fixture"));
  function apply() {
    var text = form.elements.text.value.trim().toLowerCase();
    var status = form.elements.status.value;
    var shown = 0;
    fixtures.forEach(function (fixture) {
      var fits = fixture.dataset.name.toLowerCase().indexOf(text) !== -1;
      fixture.hidden = !(fits && (status === "all" || fixture.dataset.status === status));
      shown += fixture.hidden ? 0 : 1;
    });
    document.getElementById("count").textContent = shown + " of " + fixtures.length + " shown";
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.hidden = false;
  apply();
})();
