// A prebuilt extension of JupyterLab without a build: it needs nothing of JupyterLab's modules, only the application that it is given.
// The control room shows itself when its cells have run; whoever opens it wants to see it.
"use strict";
(() => {
  const ROOM = "control_room.ipynb";

  const run = async (app, panel) => {
    await Promise.all([panel.context.ready, panel.sessionContext.ready]);
    if (panel.isDisposed || !panel.sessionContext.session?.kernel) return; // nobody chose a kernel: there is nothing to run on
    app.shell.activateById(panel.id);
    await app.commands.execute("notebook:run-all-cells"); // it ends with the last cell chosen, out of sight of the first controls
    panel.content.activeCellIndex = 0;
    await panel.content.scrollToItem(0);
  };

  const activate = app => {
    const seen = new WeakSet();
    const look = () => {
      for (const panel of app.shell.widgets("main")) {
        if (seen.has(panel) || !panel.sessionContext || panel.context?.path.split("/").pop() !== ROOM) continue;
        seen.add(panel);
        run(app, panel).catch(error => console.error(`${ROOM} did not run: ${error}. Use Run, Run All Cells.`));
      }
    };
    app.restored.then(() => {
      app.shell.layoutModified.connect(look);
      look();
    });
  };

  const extension = {__esModule: true, default: {id: "booking-harness:room", description: "Runs the cells of the control room when it is opened.", autoStart: true, activate}};
  (window._JUPYTERLAB ??= {})["booking-harness"] = {init: () => undefined, get: async () => () => extension};
})();
