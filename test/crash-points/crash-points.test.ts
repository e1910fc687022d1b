import { after, describe, it } from "node:test";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { type CrashLab, startCrashLab } from "./crash-lab.ts";
import { crashPoints } from "./points.ts";

const devices = dataPlaneAvailable();

describe("a process that kills itself between two writes", () => {
  let lab: CrashLab | undefined;
  after(async () => {
    await lab?.close();
  });

  for (const point of crashPoints) {
    it(
      `${point.process} ${point.when} ${point.step}, while a volume ${point.life.name}`,
      devices.available ? {} : { skip: devices.reason },
      async () => {
        lab ??= await startCrashLab();
        try {
          await lab.survives(point);
        } catch (error) {
          // Its leftovers must not affect the next point.
          const log = lab.logs();
          await lab.close();
          lab = undefined;
          throw new Error(
            `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n${log}`,
            { cause: error },
          );
        }
      },
    );
  }
});
