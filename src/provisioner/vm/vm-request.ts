import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { type Result, fail } from "../../core/failure/result.ts";
import type {
  AttachDiskRequest,
  BarrierMode,
  FenceProof,
  ForcedDetaches,
} from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmError } from "../arm/arm-api.ts";
import { toFailure } from "../arm/error-table.ts";

/** What is at the resource id of a VM that is not there: nothing, or another VM. */
export type NotThere =
  | { readonly kind: "instanceGone" }
  | { readonly kind: "instanceReplaced"; readonly vmId: string };

export type VmAnswer =
  /** `deletedWithVm`: another client attached the disk so that Azure deletes it with the VM. */
  | { readonly kind: "attached"; readonly lun: number; readonly deletedWithVm?: true }
  | { readonly kind: "detached" }
  | { readonly kind: "proven"; readonly proof: FenceProof }
  /** Of `flush`: the ETag has moved. */
  | { readonly kind: "flushed" }
  /** Of `prove`: no proof, since the VM lists the disk. */
  | { readonly kind: "listed" }
  | NotThere;

export interface VmRequestSpec extends AttachDiskRequest {
  readonly kind: "attach" | "detach" | BarrierMode;
  /** Of `fence`. Default: none. */
  readonly forcedDetaches?: ForcedDetaches;
}

/**
 * A request that waits in a VM's queue or is being carried out. Ends once. When its caller gives up, it
 * ends as `Cancelled` and takes no part in later writes; an update that is under way continues, since
 * others share it.
 */
export class VmRequest {
  readonly spec: VmRequestSpec;
  readonly diskKey: string;
  readonly sequence: number;
  readonly signal: AbortSignal;
  readonly answer: Promise<Result<VmAnswer>>;
  readonly #resolve: (result: Result<VmAnswer>) => void;
  readonly #reject: (bug: unknown) => void;
  readonly #onAbort = (): void => this.settle(fail({ kind: "Cancelled" }));
  #settled = false;

  constructor(spec: VmRequestSpec, sequence: number, signal: AbortSignal) {
    this.spec = spec;
    this.diskKey = resourceUriKey(spec.diskUri);
    this.sequence = sequence;
    this.signal = signal;
    const { promise, resolve, reject } = Promise.withResolvers<Result<VmAnswer>>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  get kind(): VmRequestSpec["kind"] {
    return this.spec.kind;
  }

  get lane(): Lane {
    return this.spec.lane;
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  /** Answers the caller; only the first answer counts. */
  settle(result: Result<VmAnswer>): void {
    if (this.#settled) return;
    this.#end();
    this.#resolve(result);
  }

  /** Answers what an error of ARM means for the disk and the node. */
  settleFailed(error: ArmError): void {
    const { diskUri, node } = this.spec;
    this.settle(fail(toFailure(error, { diskUri, nodeName: node.nodeName })));
  }

  /** Passes a bug to the caller, whose loop logs it. */
  crash(bug: unknown): void {
    if (this.#settled) return;
    this.#end();
    this.#reject(bug);
  }

  #end(): void {
    this.#settled = true;
    this.signal.removeEventListener("abort", this.#onAbort);
  }
}
