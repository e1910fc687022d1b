import { messageOf } from "../core/failure/message-of.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { isRecord } from "../core/primitives/is-record.ts";
import { mayPreemptionHelp, type Removal } from "../core/schedule/filter-nodes.ts";

/** A request of kube-scheduler (k8s.io/kube-scheduler/extender/v1 ExtenderArgs). */
export interface ExtenderArgs {
  readonly pod: unknown;
  /** The nodes that the pod may be placed on, as far as the scheduler knows. */
  readonly nodeNames: readonly string[];
  /**
   * The nodes in full, in the same order, if the scheduler does not know the extender as
   * `nodeCacheCapable`; the answer has the same form.
   */
  readonly nodeList: { readonly items: readonly unknown[] } | undefined;
}

/** Kubernetes groups nodes with the same reason: `0/5 nodes are available: 2 node(s) …`. */
const reasonTexts: Readonly<Record<Extract<Removal, string>, string>> = {
  "no-plug-in": "node(s) without the Azure Disk node plug-in",
  "not-ready": "node(s) with an Azure Disk node plug-in that is not ready",
  silent: "node(s) with an Azure Disk node plug-in that does not report any more",
  quarantine: "node(s) that were fenced from an Azure disk and have not reported clean since",
  unreachable: "node(s) outside the region or zone of an Azure disk of the pod",
  "other-platform": "node(s) of another operating system than an Azure disk of the pod is for",
  "no-slot": "node(s) without free slots for the Azure disks of the pod",
};

/** Reads a request. The failure says what is wrong with it. */
export function readExtenderArgs(body: string): Result<ExtenderArgs, string> {
  const args = parseGoObject(body);
  if (!args.ok) return args;
  const pod = fieldOf(args.value, "Pod");
  const nodeNames = fieldOf(args.value, "NodeNames");
  if (nodeNames !== undefined && nodeNames !== null)
    return areNames(nodeNames)
      ? ok({ pod, nodeNames, nodeList: undefined })
      : fail("NodeNames is not a list of names of nodes");
  const nodeList = fieldOf(args.value, "Nodes");
  if (!isRecord(nodeList)) return fail("there are neither NodeNames nor Nodes");
  const items: unknown = nodeList["items"] ?? [];
  const names = Array.isArray(items) ? items.map(nameOf) : undefined;
  return areNames(names)
    ? ok({ pod, nodeNames: names, nodeList: { ...nodeList, items: items as unknown[] } })
    : fail("Nodes is not a list of nodes with names");
}

/**
 * Writes an ExtenderFilterResult: all nodes but those removed (by their places), in the form of the request.
 */
export function writeFilterResult(
  { nodeNames, nodeList }: ExtenderArgs,
  removed: ReadonlyMap<number, Removal>,
): string {
  const failed: [string, string][] = [];
  const unresolvable: [string, string][] = [];
  for (const [at, because] of removed)
    (mayPreemptionHelp(because) ? failed : unresolvable).push([
      nodeNames[at] ?? "",
      describeRemoval(because),
    ]);
  const isKept = (_: unknown, at: number): boolean => !removed.has(at);
  return JSON.stringify({
    Nodes: nodeList === undefined ? null : { ...nodeList, items: nodeList.items.filter(isKept) },
    NodeNames: nodeList === undefined ? nodeNames.filter(isKept) : null,
    FailedNodes: Object.fromEntries(failed),
    FailedAndUnresolvableNodes: Object.fromEntries(unresolvable),
    Error: "",
  });
}

/**
 * An ExtenderFilterResult with an error; a scheduler that treats the extender as `ignorable` continues
 * without it.
 */
export function writeFilterError(problem: string): string {
  return JSON.stringify({
    Nodes: null,
    NodeNames: null,
    FailedNodes: {},
    FailedAndUnresolvableNodes: {},
    Error: problem,
  });
}

/**
 * Writes a HostPriorityList with the scores by the nodes' names, 0 for all others. It names every requested
 * node: an unnamed one would not take part in the scheduler's draw among equals.
 */
export function writeHostPriorities(
  nodeNames: readonly string[],
  scores: ReadonlyMap<string, number>,
): string {
  return JSON.stringify(nodeNames.map((Host) => ({ Host, Score: scores.get(Host) ?? 0 })));
}

function describeRemoval(because: Removal): string {
  if (typeof because === "string") return reasonTexts[because];
  const { claim, sourceClaim, place } = because;
  return `node(s) outside ${place}, where claim ${claim} has to be made as a copy of claim ${sourceClaim}`;
}

function areNames(names: unknown): names is readonly string[] {
  return Array.isArray(names) && names.every((name) => typeof name === "string");
}

function nameOf(node: unknown): unknown {
  return (node as { readonly metadata?: { readonly name?: unknown } | null } | null)?.metadata?.name;
}

/** A struct of Go as its JSON has it. */
type GoObject = Readonly<Record<string, unknown>>;

/** Reads one. The failure says what is wrong with the text. */
function parseGoObject(text: string): Result<GoObject, string> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? ok(value) : fail("the body is not an object");
  } catch (error) {
    return fail(`the body is not JSON: ${messageOf(error)}`);
  }
}

/** A field. Go writes the structs' own names and reads them in any case: so does this. */
function fieldOf(object: GoObject, name: string): unknown {
  if (name in object) return object[name];
  const key = Object.keys(object).find((other) => other.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
}

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
  return { Pods: uids.map((UID) => ({ UID })), NumPDBViolations: fieldOf(victims, "NumPDBViolations") ?? 0 };
}

function uidOf(pod: unknown): string | undefined {
  const uid = (pod as { readonly metadata?: { readonly uid?: unknown } | null } | null)?.metadata?.uid;
  return typeof uid === "string" ? uid : undefined;
}
