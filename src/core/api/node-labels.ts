import { labelValue } from "./object-names.ts";

/** Labels of an AzVolume, or of any object. */
export type Labels = Readonly<Record<string, string>>;

const PREFIX = "node.disk.csi.azure.com/";

/**
 * The label of an AzVolume that concerns a node, by which the node plug-in lists and watches its volumes; its
 * value is empty. A key's name has 63 characters at most, like a value.
 */
export function nodeLabel(nodeName: string): string {
  return `${PREFIX}${labelValue(nodeName)}`;
}

/**
 * The node labels among an object's labels. One to which a person has given a value is none: selectors miss
 * it.
 */
export function nodeLabelsIn(labels: Labels | undefined): readonly string[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) =>
    key.startsWith(PREFIX) && value === "" ? [key] : [],
  );
}

/** The other labels of an object; undefined: it has none. */
export function withoutNodeLabels(labels: Labels | undefined): Labels | undefined {
  const others = Object.entries(labels ?? {}).filter(([key]) => !key.startsWith(PREFIX));
  return others.length === 0 ? undefined : Object.fromEntries(others);
}
