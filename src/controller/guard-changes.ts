import type { Failure } from "../core/failure/failure.ts";
import { fail, type Result } from "../core/failure/result.ts";
import type { CloudProvisioner, Precondition } from "../ports/cloud/cloud-provisioner.ts";

/** Why nothing may be changed now; undefined: it may. */
export type Refusal = () => Failure | undefined;

type Change = (...args: never[]) => Promise<Result<unknown>>;

/** The methods of `CloudProvisioner` whose requests have these fields. */
type MethodsWith<Fields> = {
  [M in keyof CloudProvisioner]: Parameters<CloudProvisioner[M]>[0] extends Fields ? M : never;
}[keyof CloudProvisioner];

interface WithPrecondition {
  readonly precondition: Precondition;
}

export const vmChanges: Readonly<Record<MethodsWith<WithPrecondition & { readonly node: object }>, true>> = {
  attachDisk: true,
  detachDisk: true,
  barrier: true,
  powerOff: true,
};

/** Every method that changes anything in Azure: those that ask a precondition. */
export const cloudChanges: Readonly<Record<MethodsWith<WithPrecondition>, true>> = {
  ...vmChanges,
  createDisk: true,
  deleteDisk: true,
  resizeDisk: true,
  updateDisk: true,
  tagDisk: true,
};

/** The same object, but the methods of `changes` fail with `refusal`. `prepare` changes their argument. */
export function guardChanges<M extends string, T extends Readonly<Record<M, Change>>>(
  target: T,
  changes: Readonly<Record<M, true>>,
  refusal: Refusal,
  prepare: (first: never) => never = (first) => first,
): T {
  const guarded: Record<string, Change> = {};
  for (const name in changes) {
    const change: Change = target[name];
    guarded[name] = async (first: never, ...rest: never[]) => {
      const failure = refusal();
      return failure === undefined ? change(prepare(first), ...rest) : fail(failure);
    };
  }
  return { ...target, ...guarded };
}

/** The same for calls to Azure. Each write asks again: its request may have waited in a queue. */
export function guardCloud<M extends MethodsWith<WithPrecondition>>(
  cloud: CloudProvisioner,
  changes: Readonly<Record<M, true>>,
  refusal: Refusal,
): CloudProvisioner {
  return guardChanges(cloud, changes, refusal, <R extends WithPrecondition>(request: R) => ({
    ...request,
    precondition: async (signal: AbortSignal) => {
      const isAllowed = refusal() === undefined && (await request.precondition(signal));
      return refusal() === undefined && isAllowed;
    },
  }));
}
