// Fingers, mouse and wheel on the picture: one finger drags, two pinch, the wheel turns, a double tap switches.

const NOTCH = 0.002; // of a wheel's turn: one notch of a mouse is about a fifth

export function watchFingers(view, act) {
  const fingers = new Map();

  function moved(event) {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const now = { x: event.clientX, y: event.clientY };
    fingers.set(event.pointerId, now);
    if (!others.length) return act.drag(now.x - before.x, now.y - before.y);
    const [other] = others;
    const apart = (place) => Math.max(1, Math.hypot(place.x - other.x, place.y - other.y));
    act.drag((now.x - before.x) / 2, (now.y - before.y) / 2);
    act.zoomBy(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  view.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", moved);
  for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, (event) => fingers.delete(event.pointerId));
  view.addEventListener("dblclick", (event) => act.toggleAt(event.clientX, event.clientY));
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    act.zoomBy(Math.exp(-event.deltaY * NOTCH), event.clientX, event.clientY);
  }, { passive: false });
}
