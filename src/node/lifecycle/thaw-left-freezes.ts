import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { FreezeMark, NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import type { NodePorts } from "../node-ports.ts";

/** How long a plug-in that starts or ends waits for thaws, in milliseconds: they continue without it. */
const THAW_MAX_MS = 10_000;

/**
 * Thaws what is marked as frozen: when a plug-in starts, before it waits for anything else, what an earlier
 * one may have left, and when it ends, what it still keeps. A disk that does not answer holds up neither for
 * long. The marks stay: the freeze is reported as lost once a plug-in runs and the store answers.
 */
export async function thawLeftFreezes(
  {
    host,
    checkpoints,
    logger,
    clock,
  }: Pick<NodePorts, "logger" | "clock"> & {
    readonly host: Pick<HostProvisioner, "thaw">;
    readonly checkpoints: Pick<NodeCheckpoints, "freezes">;
  },
  signal: AbortSignal,
): Promise<void> {
  const thaw = async (mark: FreezeMark, until: AbortSignal): Promise<void> => {
    const thawed = await host.thaw(mark, until);
    if (!thawed.ok) logger.warn("a file system may still be frozen", { ...mark, failure: thawed.failure });
  };
  // Together: a device that does not answer must not keep the other file systems frozen.
  await withTimeout(
    clock,
    THAW_MAX_MS,
    (until) => Promise.all(checkpoints.freezes().map((mark) => thaw(mark, until))),
    signal,
  );
}
