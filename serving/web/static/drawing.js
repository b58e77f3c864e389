// Paper to draw on with mouse, pen or finger; strokes are black on transparent, so that the paper is the page's.
// `onStart` is called when a stroke begins, `onMove` while it grows, `onEnd` when the pen is lifted.
export function createDrawing(canvas, { onStart, onMove, onEnd }) {
  const context = canvas.getContext("2d");
  let lastPoints = null; // two of the stroke that is being drawn
  let empty = true;

  function canvasPoint(event) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((event.clientX - left) * canvas.width) / width, ((event.clientY - top) * canvas.height) / height];
  }

  function drawTo(point) {
    const [before, from] = lastPoints;
    const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    context.beginPath();
    context.moveTo(...middle(before, from));
    context.quadraticCurveTo(...from, ...middle(from, point)); // corners of the mouse's grid are not the writer's
    context.stroke();
    lastPoints = [from, point];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    onStart();
    empty = false;
    const point = canvasPoint(event);
    lastPoints = [point, point];
    drawTo([point[0] + 0.1, point[1]]); // a dot
    onMove();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (lastPoints === null || !event.isPrimary) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const move of events.length ? events : [event]) drawTo(canvasPoint(move));
    onMove();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (lastPoints === null || !event.isPrimary) return;
      drawTo(lastPoints[1]);
      lastPoints = null;
      onEnd();
    });
  }

  return {
    canvas,
    isEmpty: () => empty,
    // Makes blank paper of some pixels for a line of some width.
    clear(width, height, lineWidth) {
      Object.assign(canvas, { width, height }); // which also erases
      Object.assign(context, { lineWidth, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
      lastPoints = null;
      empty = true;
    },
    // The drawing on white paper, as a picture to read.
    async toPicture() {
      const { width, height } = canvas;
      const bitmap = new OffscreenCanvas(width, height);
      const paper = bitmap.getContext("2d");
      paper.fillStyle = "white";
      paper.fillRect(0, 0, width, height);
      paper.drawImage(canvas, 0, 0);
      const file = await bitmap.convertToBlob({ type: "image/png" });
      return { data: await file.arrayBuffer(), bitmap, width, height };
    },
  };
}
