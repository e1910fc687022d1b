import { release } from "node:os";
import { after, describe, it } from "node:test";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { type CrashLab, startCrashLab } from "./crash-lab.ts";
import { type CrashPoint, crashPoints } from "./points.ts";

/** The first kernel that mounts a btrfs beside one with the same UUID. */
const BTRFS_COPIES = { major: 6, minor: 7 } as const;

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
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  const mountsCopies =
    major > BTRFS_COPIES.major || (major === BTRFS_COPIES.major && minor >= BTRFS_COPIES.minor);
  return fsType === "btrfs" && !mountsCopies
    ? `needs Linux 6.7, this is ${release()}: the nodes share a kernel, which refuses a btrfs that another ` +
        "node has mounted"
    : undefined;
}
