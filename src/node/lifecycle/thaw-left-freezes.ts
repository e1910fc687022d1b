import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { Logger } from "../../ports/logger.ts";

/**
 * Thaws what is marked as frozen: when a plug-in starts, before it waits for anything, what an earlier one
 * may have left, and when it ends, what it still keeps. The marks stay: the freeze is reported as lost once
 * a plug-in runs and the store answers.
 */
export async function thawLeftFreezes(
  {
    host,
    checkpoints,
    logger,
  }: {
    readonly host: Pick<HostProvisioner, "thaw">;
    readonly checkpoints: Pick<NodeCheckpoints, "freezes">;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  // Together: a device that does not answer must not keep the other file systems frozen.
  await Promise.all(
    checkpoints.freezes().map(async (mark) => {
      const thawed = await host.thaw(mark, signal);
      if (!thawed.ok) logger.warn("a file system may still be frozen", { ...mark, failure: thawed.failure });
    }),
  );
}
