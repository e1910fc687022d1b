import type { SimWorld } from "../../world.ts";
import { diceAgain, type FaultContext, type FaultVariant, pick } from "../fault-class.ts";
import { stopForAWhile } from "../processes/stop-for-a-while.ts";

/**
 * How long after a controller begins to ask Azure for it the store is restored, in milliseconds: it may
 * have been asked for leave by then, and not have landed yet.
 */
const IN_FLIGHT_MS = [200, 800, 3_000] as const;
const LOOK_MS = 100;
const stepsInFlight = ["detach", "detach", "fence-detach", "attach"] as const;
/** How long the controllers are away while the store is restored, in milliseconds. */
const AWAY_MS = [50, 1_000, 20_000] as const;
/** Long enough for a controller to end in good order. */
const ENDED_MS = 5_000;

/**
 * The store is restored while an update of a VM is under way that the restored records know nothing of:
 * what it does is seen by nobody.
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
  // What docs/design.md assumes of backups: one that is as young as the last renewal shows a leader nothing
  // by which it could be told.
  const restoreOnceRenewed = (): void => {
    if (leaseVersion() === versionAtBackup) return later(LOOK_MS, restoreOnceRenewed);
    world.store.restore(backup);
  };
  const takeBack = world.controllers.map((controller) =>
    controller.strikeAt({ step, nth: 1, moment: "before" }, strike),
  );
  return () => {
    isDone = true;
    for (const take of takeBack) take();
  };
}

/**
 * The store is restored while no controller runs: whoever leads next remembers nothing of what was. Answers
 * how it ends: all controllers run.
 */
function restoreWithControllers(
  { world, later }: FaultContext,
  { forMs, dice }: { readonly forMs: number; readonly dice: number },
): () => void {
  const isReleased = dice < 0.5;
  const take = (): void => {
    const backup = world.store.snapshot();
    if (isReleased) startAll(world);
    later(forMs * pick([0.3, 0.6, 0.9], diceAgain(dice, 1)), () => {
      for (const controller of world.controllers) controller.kill();
      world.store.restore(backup);
      later(pick(AWAY_MS, diceAgain(dice, 2)), () => startAll(world));
    });
  };
  if (!isReleased) {
    take();
    return () => startAll(world);
  }
  // A Lease that nobody holds is taken at once: there is the least time for anybody to notice.
  const startAgain = stopForAWhile(world, world.controllers);
  later(ENDED_MS, take);
  return startAgain;
}

function startAll(world: SimWorld): void {
  for (const controller of world.controllers) controller.start();
}

/** Backups that are put back at the worst of times. */
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
