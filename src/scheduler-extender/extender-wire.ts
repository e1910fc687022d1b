import { fail, ok, type Result } from "../core/result.ts";
import { mayPreemptionHelp, type FilteredNodes, type RemovalReason } from "../core/schedule/filter-nodes.ts";

/** What kube-scheduler asks (k8s.io/kube-scheduler/extender/v1 ExtenderArgs). */
export interface ExtenderArgs {
  readonly pod: unknown;
  /** The nodes that the pod may be placed on, as far as the scheduler knows. */
  readonly nodeNames: readonly string[];
  /** The nodes in full, in the same order, where the scheduler is not told that the extender is `nodeCacheCapable`; the list is answered in kind. */
  readonly nodeList: { readonly items: readonly unknown[] } | undefined;
}

/** Kubernetes puts nodes with the same reason together: `0/5 nodes are available: 2 node(s) …`. */
const reasonTexts: Readonly<Record<RemovalReason, string>> = {
  "no-plug-in": "node(s) without the Azure Disk node plug-in",
  "not-ready": "node(s) with an Azure Disk node plug-in that is not ready",
  silent: "node(s) with an Azure Disk node plug-in that is not heard of any more",
  quarantine: "node(s) that were cut off from an Azure disk of the pod and have not shown to be clean since",
  unreachable: "node(s) outside the region or zone of an Azure disk of the pod",
  "no-slot": "node(s) without free slots for the Azure disks of the pod",
};

/** Reads a request. The failure says what is wrong with it. */
export function readExtenderArgs(body: string): Result<ExtenderArgs, string> {
  let args: unknown;
  try {
    args = JSON.parse(body);
  } catch (error) {
    return fail(`the body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isRecord(args)) return fail("the body is not an object");
  const pod = fieldOf(args, "Pod");
  const nodeNames = fieldOf(args, "NodeNames");
  if (nodeNames !== undefined && nodeNames !== null) {
    return areStrings(nodeNames) ? ok({ pod, nodeNames, nodeList: undefined }) : fail("NodeNames is not a list of names");
  }
  const nodeList = fieldOf(args, "Nodes");
  if (!isRecord(nodeList)) return fail("there are neither NodeNames nor Nodes");
  const items = nodeList["items"] ?? [];
  if (!Array.isArray(items)) return fail("Nodes has no list of items");
  const names = items.map(nameOf);
  return areStrings(names) ? ok({ pod, nodeNames: names, nodeList: { ...nodeList, items } }) : fail("Nodes has an item without a name");
}

/** An ExtenderFilterResult: the nodes in the form in which they were asked for. */
export function writeFilterResult({ nodeList }: ExtenderArgs, { passed, removed }: FilteredNodes): string {
  const failed: [string, string][] = [];
  const unresolvable: [string, string][] = [];
  for (const { nodeName, because } of removed) (mayPreemptionHelp(because) ? failed : unresolvable).push([nodeName, reasonTexts[because]]);
  const outcome = { FailedNodes: Object.fromEntries(failed), FailedAndUnresolvableNodes: Object.fromEntries(unresolvable), Error: "" };
  if (nodeList === undefined) return JSON.stringify({ Nodes: null, NodeNames: passed, ...outcome });
  const names = new Set(passed);
  const items = nodeList.items.filter((node) => names.has(nameOf(node) ?? ""));
  return JSON.stringify({ Nodes: { ...nodeList, items }, NodeNames: null, ...outcome });
}

/** An ExtenderFilterResult that says why there is none; a scheduler that takes the extender for `ignorable` goes on without it. */
export function writeFilterError(problem: string): string {
  return JSON.stringify({ Nodes: null, NodeNames: null, FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: problem });
}

/**
 * A HostPriorityList. It names every node that was asked for: those that it does not name would not take part in the scheduler's draw among equals.
 * Written by hand, since this and the reading of names is what a request costs.
 */
export function writeHostPriorities(nodeNames: readonly string[], scores: ReadonlyMap<string, number>): string {
  let text = "";
  for (const nodeName of nodeNames) {
    const score = scores.size === 0 ? 0 : (scores.get(nodeName) ?? 0);
    text += `${text === "" ? "[" : ","}{"Host":${JSON.stringify(nodeName)},"Score":${score}}`;
  }
  return text === "" ? "[]" : `${text}]`;
}

/** Go writes the structs' own names and reads them in any case: so do we. */
function fieldOf(args: Readonly<Record<string, unknown>>, name: string): unknown {
  if (name in args) return args[name];
  const key = Object.keys(args).find((other) => other.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : args[key];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function areStrings(values: unknown): values is readonly string[] {
  return Array.isArray(values) && values.every((value) => typeof value === "string");
}

function nameOf(node: unknown): string | undefined {
  const name = (node as { readonly metadata?: { readonly name?: unknown } | null } | null)?.metadata?.name;
  return typeof name === "string" ? name : undefined;
}
