import type { Kind, LabelSelector } from "../../ports/store/object-store.ts";

const GROUP = "disk.csi.azure.com/v1";

const places: { readonly [K in Kind]: { readonly apiVersion: string; readonly plural: string } } = {
  AzVolume: { apiVersion: GROUP, plural: "azvolumes" },
  AzVolumeAttachment: { apiVersion: GROUP, plural: "azvolumeattachments" },
  AzDriverNode: { apiVersion: GROUP, plural: "azdrivernodes" },
  ClusterNode: { apiVersion: GROUP, plural: "clusternodes" },
  Lease: { apiVersion: "coordination.k8s.io/v1", plural: "leases" },
};

/** Of `/apis/<group>/<version>/<plural>`, split at its slashes. */
const COLLECTION_PARTS = 5;

const kindOfCollection = new Map(
  Object.entries(places).map(([kind, { apiVersion, plural }]) => [
    `/apis/${apiVersion}/${plural}`,
    kind as Kind,
  ]),
);

/** The group and version of a kind, as Kubernetes' API has them. */
export function apiVersionOf(kind: Kind): string {
  return places[kind].apiVersion;
}

/** How paths and rights name the objects of a kind. */
export function pluralOf(kind: Kind): string {
  return places[kind].plural;
}

/** What a path names: all objects of a kind, one object, or its status. */
export interface ApiPath {
  readonly kind: Kind;
  readonly name: string | undefined;
  readonly isStatus: boolean;
}

export function apiPathOf(kind: Kind, name?: string, subresource?: "status"): string {
  const collection = `/apis/${places[kind].apiVersion}/${places[kind].plural}`;
  if (name === undefined) return collection;
  return `${collection}/${encodeURIComponent(name)}${subresource === undefined ? "" : "/status"}`;
}

/** What `path` names; undefined if there is no such path. */
export function parseApiPath(path: string): ApiPath | undefined {
  const parts = path.split("/");
  const kind = kindOfCollection.get(parts.slice(0, COLLECTION_PARTS).join("/"));
  const [name, subresource, ...more] = parts.slice(COLLECTION_PARTS);
  if (
    kind === undefined ||
    more.length > 0 ||
    name === "" ||
    (subresource !== undefined && subresource !== "status")
  )
    return undefined;
  try {
    return {
      kind,
      name: name === undefined ? undefined : decodeURIComponent(name),
      isStatus: subresource === "status",
    };
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
