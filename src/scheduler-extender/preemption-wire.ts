import { fail, ok, type Result } from "../core/failure/result.ts";
import { isRecord } from "../core/primitives/is-record.ts";
import { fieldOf, type GoObject, parseGoObject } from "./go-object.ts";

/** A request of kube-scheduler (k8s.io/kube-scheduler/extender/v1 ExtenderPreemptionArgs). */
export interface PreemptionArgs {
  readonly pod: unknown;
  /** The pods that would be evicted (MetaVictims, to be answered as they are), by the name of their node. */
  readonly victims: ReadonlyMap<string, unknown>;
}

/** Reads a request. The failure says what is wrong with it. */
export function readPreemptionArgs(body: string): Result<PreemptionArgs, string> {
  const args = parseGoObject(body);
  if (!args.ok) return args;
  const pod = fieldOf(args.value, "Pod");
  const meta = fieldOf(args.value, "NodeNameToMetaVictims");
  if (isRecord(meta)) return ok({ pod, victims: new Map(Object.entries(meta)) });
  const full = fieldOf(args.value, "NodeNameToVictims");
  if (!isRecord(full)) return fail("there are neither NodeNameToMetaVictims nor NodeNameToVictims");
  const victims = Object.entries(full).map(([nodeName, one]) => [nodeName, metaVictimsOf(one)] as const);
  return victims.every(([, one]) => one !== undefined)
    ? ok({ pod, victims: new Map(victims) })
    : fail("NodeNameToVictims has victims that are no pods with uids");
}

/** Writes an ExtenderPreemptionResult: all candidates but those removed. */
export function writePreemptionResult({ victims }: PreemptionArgs, removed: ReadonlySet<string>): string {
  const kept = [...victims].filter(([nodeName]) => !removed.has(nodeName));
  return JSON.stringify({ NodeNameToMetaVictims: Object.fromEntries(kept) });
}

/** The victims of a scheduler that sends pods in full; the answer names them by uid all the same. */
function metaVictimsOf(victims: unknown): GoObject | undefined {
  if (!isRecord(victims)) return undefined;
  const pods = fieldOf(victims, "Pods") ?? [];
  const uids = Array.isArray(pods) ? pods.map(uidOf) : [undefined];
  if (uids.includes(undefined)) return undefined;
  return {
    Pods: uids.map((UID) => ({ UID })),
    NumPDBViolations: fieldOf(victims, "NumPDBViolations") ?? 0,
  };
}

function uidOf(pod: unknown): string | undefined {
  const uid = (pod as { readonly metadata?: { readonly uid?: unknown } | null } | null)?.metadata?.uid;
  return typeof uid === "string" ? uid : undefined;
}
