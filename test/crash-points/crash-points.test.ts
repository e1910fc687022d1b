import { after, describe, it } from "node:test";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { reasonAgainstBtrfsCopies } from "../workflows/btrfs-copies.ts";
import { type CrashLab, startCrashLab } from "./crash-lab.ts";
import { type CrashPoint, crashPoints } from "./points.ts";

const devices = dataPlaneAvailable();

describe("a process that kills itself between two writes", () => {
  let lab: CrashLab | undefined;
  after(async () => {
    await lab?.close();
  });

  for (const point of crashPoints) {
    it(titleOf(point), { skip: reasonAgainst(point) ?? false }, async () => {
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
    });
  }
});

function titleOf({ process, when, step, life, fsType }: CrashPoint): string {
  return `${process} ${when} ${step}, while a volume ${life.name}${fsType === "ext4" ? "" : `: ${fsType}`}`;
}

function reasonAgainst({ fsType }: CrashPoint): string | undefined {
  if (!devices.available) return devices.reason;
  return fsType === "btrfs" ? reasonAgainstBtrfsCopies() : undefined;
}
