import type { SimWorld } from "../../world.ts";
import { diceAgain, type FaultContext, type FaultVariant, pick } from "../fault-class.ts";
import { stopForAWhile } from "../processes/stop-for-a-while.ts";

/**
 * How long after a controller sends a request to Azure the store is restored, in milliseconds: by then its
 * precondition may have been checked, without the request having landed.
 */
const IN_FLIGHT_MS = [200, 800, 3_000] as const;
const LOOK_MS = 100;
const stepsInFlight = ["detach", "detach", "fence", "attach"] as const;
/** How long the controllers are down while the store is restored, in milliseconds. */
const AWAY_MS = [50, 1_000, 20_000] as const;
/** Long enough for the orderly end of a controller. */
const ENDED_MS = 5_000;

/**
 * The store is restored while an update of a VM is under way that the restored records do not contain: no
 * record shows its effect.
 */
function restoreInFlight({ world, later }: FaultContext, dice: number): () => void {
  const leaseVersion = (): string | undefined => world.store.objects("Lease")[0]?.metadata.resourceVersion;
  const backup = world.store.snapshot();
  const versionAtBackup = leaseVersion();
  const step = pick(stepsInFlight, dice);
  let isDone = false;
  const strike = (): void => {
    if (isDone) return;
    isDone = true;
    later(pick(IN_FLIGHT_MS, diceAgain(dice, 1)), restoreOnceRenewed);
  };
  // Assumed in docs/assurance/promises.md: a leader cannot detect a backup that is as recent as its last
  // renewal.
  const restoreOnceRenewed = (): void => {
    if (leaseVersion() === versionAtBackup) return later(LOOK_MS, restoreOnceRenewed);
    world.store.restore(backup);
  };
  const cancels = world.controllers.map((controller) =>
    controller.strikeAt({ step, nth: 1, moment: "before" }, strike),
  );
  return () => {
    isDone = true;
    for (const cancel of cancels) cancel();
  };
}

/**
 * The store is restored while no controller runs: the next leader remembers nothing of the time before.
 * Returns how it ends: all controllers run.
 */
function restoreWithControllers(
  { world, later }: FaultContext,
  { forMs, dice }: { readonly forMs: number; readonly dice: number },
): () => void {
  const isReleased = dice < 0.5;
  const backUpAndRestore = (): void => {
    const backup = world.store.snapshot();
    if (isReleased) startAll(world);
    later(forMs * pick([0.3, 0.6, 0.9], diceAgain(dice, 1)), () => {
      for (const controller of world.controllers) controller.kill();
      world.store.restore(backup);
      later(pick(AWAY_MS, diceAgain(dice, 2)), () => startAll(world));
    });
  };
  if (!isReleased) {
    backUpAndRestore();
    return () => startAll(world);
  }
  // A free Lease is acquired at once: this leaves the least time to notice the restore.
  const startAgain = stopForAWhile(world, world.controllers);
  later(ENDED_MS, backUpAndRestore);
  return startAgain;
}

function startAll(world: SimWorld): void {
  for (const controller of world.controllers) controller.start();
}

/** Backups that are restored at critical moments. */
export const restores: Readonly<Record<"restored-in-flight" | "restored-with-controllers", FaultVariant>> = {
  "restored-in-flight": {
    forMs: [60_000, 180_000],
    begin: (context, { dice }) => restoreInFlight(context, dice),
  },
  "restored-with-controllers": {
    forMs: [40_000, 120_000],
    begin: restoreWithControllers,
  },
};
