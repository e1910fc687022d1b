import type { Kind, LabelSelector } from "../../ports/object-store.ts";

/** Where the resources are, as in Kubernetes' API. */
export const API_VERSION = "disk.csi.azure.com/v1";

const ROOT = `/apis/${API_VERSION}`;

const plurals: { readonly [K in Kind]: string } = { AzVolume: "azvolumes", AzVolumeAttachment: "azvolumeattachments", AzDriverNode: "azdrivernodes", ClusterNode: "clusternodes" };

const kindOfPlural = new Map(Object.entries(plurals).map(([kind, plural]) => [plural, kind as Kind]));

/** What a path names: all objects of a kind, one object, or its status. */
export interface ApiPath {
  readonly kind: Kind;
  readonly name: string | undefined;
  readonly isStatus: boolean;
}

/** The path of all objects of a kind, of one, or of its status. */
export function apiPathOf(kind: Kind, name?: string, subresource?: "status"): string {
  const collection = `${ROOT}/${plurals[kind]}`;
  if (name === undefined) return collection;
  return `${collection}/${encodeURIComponent(name)}${subresource === undefined ? "" : "/status"}`;
}

/** What `path` names; undefined if there is no such path. */
export function parseApiPath(path: string): ApiPath | undefined {
  if (!path.startsWith(`${ROOT}/`)) return undefined;
  const [plural = "", name, subresource, ...more] = path.slice(ROOT.length + 1).split("/");
  const kind = kindOfPlural.get(plural);
  if (kind === undefined || more.length > 0 || name === "" || (subresource !== undefined && subresource !== "status")) return undefined;
  try {
    return { kind, name: name === undefined ? undefined : decodeURIComponent(name), isStatus: subresource === "status" };
  } catch {
    // A malformed escape is a path that names nothing.
    return undefined;
  }
}

/** A selector as Kubernetes writes it in a query: `a=b,c=d`. */
export function selectorText(selector: LabelSelector): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** Reads `a=b,c=d`; undefined if it is anything but equalities. */
export function parseSelector(text: string): LabelSelector | undefined {
  if (text === "") return {};
  const pairs = text.split(",").map((pair) => /^([^=!]+)==?([^=]*)$/.exec(pair.trim()));
  if (pairs.some((pair) => pair === null)) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]));
}
