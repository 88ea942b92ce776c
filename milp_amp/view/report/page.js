"use strict";
(() => {
  const hint = document.getElementById("hint");
  const hide = () => { hint.hidden = true; };
  const show = (event) => {
    const target = event.target.closest("[data-hint]");
    if (!target) { hide(); return; }
    hint.textContent = target.dataset.hint;
    hint.hidden = false;
    const box = hint.getBoundingClientRect();
    const left = Math.min(event.clientX + 12, window.innerWidth - box.width - 8);
    const below = event.clientY + 16;
    const top = below + box.height > window.innerHeight ? event.clientY - box.height - 12 : below;
    hint.style.left = `${Math.max(8, left)}px`;
    hint.style.top = `${Math.max(8, top)}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", hide, { capture: true, passive: true });

  const MOST = 16;
  const zoom = (canvas, factor) => {
    const drawing = canvas.firstElementChild;
    const now = Number(drawing.dataset.factor || 1);
    const next = factor === 0 ? 1 : Math.min(MOST, Math.max(1, now * factor));
    const middle = (canvas.scrollLeft + canvas.clientWidth / 2) / canvas.scrollWidth;
    drawing.dataset.factor = next;
    canvas.classList.toggle("enlarged", next > 1);
    drawing.style.width = next === 1 ? "" : `${100 * next}%`;
    canvas.scrollLeft = middle * canvas.scrollWidth - canvas.clientWidth / 2;
  };
  const factors = { in: 2, out: 0.5, whole: 0 };
  for (const button of document.querySelectorAll("button[data-zoom]")) {
    const canvas = button.closest("figure").querySelector(".canvas");
    button.addEventListener("click", () => zoom(canvas, factors[button.dataset.zoom]));
  }
})();
