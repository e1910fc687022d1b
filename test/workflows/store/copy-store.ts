import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../../demo/lab/lab.ts";

const STOP_GRACE_MS = 60_000;

/** Backs up the store's file, or restores it; only the store is down for that time. */
export async function copyStore(lab: Lab, from: string, to: string): Promise<void> {
  await lab.processes.get("store")?.child.stop(STOP_GRACE_MS);
  for (const suffix of ["-wal", "-shm"]) await rm(join(lab.directory, `store.db${suffix}`), { force: true });
  await copyFile(join(lab.directory, from), join(lab.directory, to));
  await lab.processes.get("store")?.restart();
}
