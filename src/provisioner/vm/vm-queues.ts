import { mostUrgentLane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { callGroupsOf } from "../arm/throttle-budget.ts";
import { AttachBatch } from "./attach-batch.ts";
import { FenceBatch, type FenceContext } from "./fence-batch.ts";
import { GroupCommit } from "./group-commit.ts";
import { UpdatesMemory } from "./updates-memory.ts";
import { VmRequest, type VmRequestSpec } from "./vm-request.ts";
import type { VmSizes } from "./vm-sizes.ts";
import type { VmTarget } from "./vm-update.ts";

/**
 * The queues of one VM. Attaches and detaches share updates, and fences and proofs share theirs. Flushes
 * have a queue of their own.
 */
interface VmQueue {
  readonly updates: GroupCommit;
  readonly fences: GroupCommit;
  readonly flushes: GroupCommit;
}

const queueFor: Readonly<Record<VmRequestSpec["kind"], keyof VmQueue>> = {
  attach: "updates",
  detach: "updates",
  fence: "fences",
  prove: "fences",
  flush: "flushes",
};

export interface VmQueuesOptions extends Omit<FenceContext, "vm" | "underWay"> {
  readonly sizes: VmSizes;
  /** Ends all work at shutdown. */
  readonly lifetime: AbortSignal;
}

/**
 * One queue for each VM. A fence does not wait for an update that hangs, which on a dead VM may take
 * half an hour: fences have a group commit of their own, which starts at once, and while it works no
 * new update starts. A flush waits for neither: it may have to overtake an update of this process. The
 * queues of a VM exist while they have work: VMs come and go. What is known of its updates outlasts
 * them (`UpdatesMemory`).
 */
export class VmQueues {
  readonly #options: VmQueuesOptions;
  readonly #queues = new Map<string, VmQueue>();
  readonly #memory: UpdatesMemory;
  #sequence = 0;

  constructor(options: VmQueuesOptions) {
    this.#options = options;
    this.#memory = new UpdatesMemory(options.session.clock);
  }

  /** How many VMs have work, or will have it. */
  get vmsInUse(): number {
    return this.#queues.size;
  }

  submit(vm: VmTarget, spec: VmRequestSpec, signal: AbortSignal): VmRequest {
    const request = new VmRequest(spec, this.#sequence++, signal);
    const queue = this.#queueOf(vm);
    queue[queueFor[spec.kind]].submit(request);
    return request;
  }

  /** Announces an attach or detach of a VM; see `GroupCommit.announce`. */
  announce(vm: VmTarget): () => void {
    return this.#queueOf(vm).updates.announce();
  }

  /** Resolves when no queue has work left. */
  async drained(): Promise<void> {
    for (const queue of this.#queues.values())
      await Promise.all([queue.updates.idle(), queue.fences.idle(), queue.flushes.idle()]);
  }

  #queueOf(vm: VmTarget): VmQueue {
    const queue = this.#queues.get(vm.key) ?? this.#newQueue(vm);
    this.#queues.set(vm.key, queue);
    return queue;
  }

  #newQueue(vm: VmTarget): VmQueue {
    const { session, sizes, lifetime, ...ofFences } = this.#options;
    const underWay = this.#memory.take(vm.key);
    const { write: writes } = callGroupsOf(vm);
    const onUnused = (): void => {
      if (updates.isUsed || fences.isUsed || flushes.isUsed) return;
      this.#queues.delete(vm.key);
      this.#memory.keep(vm.key, underWay);
    };
    const common = {
      clock: session.clock,
      lifetime,
      onUnused,
      delayMaxMs: session.settings.throttleWaitMaxMs,
      recordDelay: (waitedMs: number): void => session.recordWait(writes, waitedMs),
      throttled: (retryAfterMs: number): Failure => ({
        kind: "Throttled",
        retryAfterMs,
        detail:
          `Azure takes no more updates of VM ${vm.name} now, and refusals or its ` +
          "headers say for how long",
      }),
    };
    const atOnce = {
      ...common,
      precedingWork: (): undefined => undefined,
      delayMs: (): number => 0,
      gathering: { quietMs: 0, maxMs: 0 },
      run: (batch: readonly VmRequest[]): Promise<void> =>
        new FenceBatch({ ...ofFences, session, vm, underWay }, batch, lifetime).run(),
    };
    const fences = new GroupCommit(atOnce);
    const flushes = new GroupCommit(atOnce);
    const updates = new GroupCommit({
      ...common,
      precedingWork: () => fences.idle(),
      delayMs: (waiting) =>
        session.waitMs({
          group: writes,
          resource: vm.key,
          lane: mostUrgentLane(waiting.map((request) => request.lane)) ?? "prune",
        }),
      gathering: session.settings.gathering,
      run: (batch, latecomers) =>
        new AttachBatch({ session, vm, sizes, underWay }, batch, lifetime).run(latecomers),
    });
    return { updates, fences, flushes };
  }
}
