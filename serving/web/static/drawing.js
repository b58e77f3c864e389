// Paper to draw on with mouse, pen or finger; strokes are black on nothing, so that the paper is the page's.
// Width, height and pen in pixels, twice what a desktop shows, for dense screens.
const SIZES = { digit: [640, 640, 44], amount: [1280, 512, 18] };

// `moved` is called while a stroke grows, `ended` when the pen is lifted.
export function drawing(canvas, { begun, moved, ended }) {
  const pen = canvas.getContext("2d");
  let points = null; // the last two of the stroke that is being drawn
  let empty = true;

  function place(event) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((event.clientX - left) * canvas.width) / width, ((event.clientY - top) * canvas.height) / height];
  }

  function draw(to) {
    const [before, from] = points;
    const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    pen.beginPath();
    pen.moveTo(...middle(before, from));
    pen.quadraticCurveTo(...from, ...middle(from, to)); // corners of the mouse's grid are not the writer's
    pen.stroke();
    points = [from, to];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    begun();
    empty = false;
    const at = place(event);
    points = [at, at];
    draw([at[0] + 0.1, at[1]]); // a dot
    moved();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (points === null || !event.isPrimary) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) draw(place(one));
    moved();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (points === null || !event.isPrimary) return;
      draw(points[1]);
      points = null;
      ended();
    });
  }

  return {
    canvas,
    isEmpty: () => empty,
    // Blank paper for a digit or an amount.
    clear(what) {
      const [width, height, line] = SIZES[what];
      Object.assign(canvas, { width, height }); // which also erases
      Object.assign(pen, { lineWidth: line, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
      points = null;
      empty = true;
    },
    // What is drawn, as a picture.
    async picture() {
      const { width, height } = canvas;
      const whole = new OffscreenCanvas(width, height);
      const paper = whole.getContext("2d");
      paper.fillStyle = "white";
      paper.fillRect(0, 0, width, height);
      paper.drawImage(canvas, 0, 0);
      const file = await whole.convertToBlob({ type: "image/png" });
      return { data: await file.arrayBuffer(), bitmap: whole, width, height };
    },
  };
}
