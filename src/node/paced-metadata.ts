import { hostNotReady } from "../core/failure/frequent-failures.ts";
import { fail, type Result } from "../core/failure/result.ts";
import { type Clock, sleepUnlessAborted } from "../ports/clock.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../ports/cloud/instance-metadata.ts";
import { sharedResults } from "../runtime/shared-reads.ts";
import { withTimeout } from "../runtime/with-timeout.ts";

/** It answers within milliseconds, or a firewall drops the question. In milliseconds. */
const ANSWER_MAX_MS = 1_000;
/**
 * Azure answers five questions a second to all processes of a VM, and further ones with 429
 * (https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#rate-limiting). Two are left
 * to others, such as the VM's agents.
 */
const PER_SECOND_MAX = 3;
const SECOND_MS = 1_000;

/**
 * A metadata service that is asked seldom enough: pods that start together share answers. Each answer was
 * asked for after its call. A question without an answer fails after a second.
 */
export function pacedMetadata(metadata: InstanceMetadataService, clock: Clock): InstanceMetadataService {
  /** When the last questions were asked, the earliest first. */
  let askedMs: readonly number[] = [];

  async function ask(onSent: () => void, signal: AbortSignal): Promise<Result<InstanceMetadata>> {
    const [earliest] = askedMs.length < PER_SECOND_MAX ? [] : askedMs;
    if (earliest !== undefined)
      await sleepUnlessAborted(clock, Math.max(0, earliest + SECOND_MS - clock.elapsedMs()), signal);
    if (signal.aborted) return fail({ kind: "Cancelled" });
    askedMs = [...askedMs, clock.elapsedMs()].slice(-PER_SECOND_MAX);
    onSent();
    const read = await withTimeout(clock, ANSWER_MAX_MS, (limited) => metadata.read(limited), signal);
    return !read.ok && read.failure.kind === "Cancelled" && !signal.aborted
      ? hostNotReady(`no answer within ${ANSWER_MAX_MS} ms`)
      : read;
  }

  const read = sharedResults<undefined, InstanceMetadata>({
    clock,
    keyOf: () => "",
    read: (_, onSent, signal) => ask(onSent, signal),
  });
  return { read: (signal) => read(undefined, signal) };
}
