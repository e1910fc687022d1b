import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DemoVolume } from "../../../demo/volume-moves.ts";
import { followRecord, type RecordHistory } from "../record-history.ts";
import type { LabWorld } from "../with-lab.ts";

const STOP_GRACE_MS = 60_000;

/**
 * Stops everything but the writer, deletes the store's file, and starts an empty store. Returns the history
 * of the volume's record from then on.
 */
export async function loseTheStore({ lab, signal }: LabWorld, volume: DemoVolume): Promise<RecordHistory> {
  await Promise.all(
    ["controller", ...lab.nodes.keys()].map(async (name) =>
      lab.processes.get(name)?.child.stop(STOP_GRACE_MS),
    ),
  );
  await lab.processes.get("store")?.child.stop(STOP_GRACE_MS);
  for (const suffix of ["", "-wal", "-shm"])
    await rm(join(lab.directory, `store.db${suffix}`), { force: true });
  await lab.processes.get("store")?.restart();
  const history = await followRecord(lab, volume.name, signal);
  for (const [nodeName, { instanceUri }] of await lab.emulator.instances())
    await lab.orchestrator.addNode(nodeName, instanceUri);
  return history;
}
