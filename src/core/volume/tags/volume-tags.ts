import type { FailureOf } from "../../failure/failure.ts";
import { refuseArgument } from "../../failure/frequent-failures.ts";
import { ok, type Result } from "../../failure/result.ts";
import {
  type MetadataParameterName,
  metadataParameterNames,
  volumeParameterTable,
} from "../parameters/volume-parameter-table.ts";
import { mergeTags } from "./merge-tags.ts";
import { STATE_TAGS_MAX } from "./state-tags.ts";
import { TAG_NAME_MAX_CHARS, TAG_VALUE_MAX_CHARS, TAGS_MAX } from "./tag-limits.ts";

/** What external-provisioner says of the volume and its claim. */
type VolumeMetadata = Readonly<Partial<Record<MetadataParameterName, string>>>;

export type Tags = Readonly<Record<string, string>>;

/** Tags of a new disk that name its cluster, object, volume, replicas and access. */
const CREATION_TAGS = 5;
/** How many tags the driver adds to those that a request states, at the most. */
const LATER_TAGS = CREATION_TAGS + STATE_TAGS_MAX;
const ILLEGAL_IN_TAG_NAME = /[<>%&?\\/]/u;

/** V1's tag for a disk to be attached with write accelerator: V1 keeps the parameter in no other place. */
const WRITE_ACCELERATOR_TAG = "writeacceleratorenabled";

/** What a disk's tags say of write accelerator; undefined: nothing. */
export function writeAcceleratorIn(tags: Tags): boolean | undefined {
  const value = tags[WRITE_ACCELERATOR_TAG]?.toLowerCase();
  return value === undefined ? undefined : value === "true";
}

/** Marks disks of this driver, in the same way as the V1 driver. */
export const CREATED_BY = { name: "k8s-azure-created-by", value: "kubernetes-azure-dd" } as const;
/** The tags that the parameters of external-provisioner become. */
export const metadataTagNames: Readonly<Record<MetadataParameterName, string>> = {
  "csi.storage.k8s.io/pv/name": "kubernetes.io-created-for-pv-name",
  "csi.storage.k8s.io/pvc/name": "kubernetes.io-created-for-pvc-name",
  "csi.storage.k8s.io/pvc/namespace": "kubernetes.io-created-for-pvc-namespace",
};
const templates: Readonly<Record<string, MetadataParameterName>> = {
  "${pv.metadata.name}": "csi.storage.k8s.io/pv/name",
  "${pvc.metadata.name}": "csi.storage.k8s.io/pvc/name",
  "${pvc.metadata.namespace}": "csi.storage.k8s.io/pvc/namespace",
};

/** The tags of a new disk: the `tags` parameter with templates filled in, and the disk's purpose. */
export function volumeTags(request: {
  readonly tags: string | undefined;
  readonly tagValueDelimiter: string | undefined;
  readonly metadata: VolumeMetadata;
  readonly writeAcceleratorEnabled?: boolean | undefined;
}): Result<Tags, FailureOf<"InvalidArgument">> {
  const { metadata, writeAcceleratorEnabled: accelerated } = request;
  const accelerator = accelerated === undefined ? {} : { [WRITE_ACCELERATOR_TAG]: String(accelerated) };
  return withOwnTags(
    { names: { ...ownTags(metadata), ...accelerator }, later: LATER_TAGS },
    request,
    (template) => fillIn("tags", template, metadata),
  );
}

/** Whether a tag is the driver's to set: by such tags it knows its disks, and what was done with them. */
export function isOwnTag(name: string): boolean {
  return isLaterTag(name) || /^(k8s-azure-created-by$|kubernetes\.io-created-for-)/iu.test(name);
}

/**
 * The tags of the `tags` parameter, their values as `fill` returns them, and the driver's own. `later`: how
 * many more the driver adds. What Azure would refuse is refused before anything is made, since the tags that
 * come last say whose a resource is, and whether it counts.
 */
export function withOwnTags(
  { names: own, later }: { readonly names: Tags; readonly later: number },
  request: { readonly tags: string | undefined; readonly tagValueDelimiter: string | undefined },
  fill: (template: string) => Result<string, FailureOf<"InvalidArgument">>,
): Result<Tags, FailureOf<"InvalidArgument">> {
  const tags = new Map(Object.entries(own));
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  for (const pair of splitPairs(
    request.tags ?? "",
    request.tagValueDelimiter ?? volumeParameterTable.tagValueDelimiter.default,
  )) {
    const tag = parseTag(pair, fill);
    if (!tag.ok) return tag;
    const key = tag.value.name.toLowerCase();
    if (names.has(key))
      return refuseArgument(
        "parameters.tags",
        pair,
        "is set twice, or is a tag that the driver sets itself; Azure compares tag names without case",
      );
    names.add(key);
    tags.set(tag.value.name, tag.value.value);
  }
  const fits = checkCount(tags.size + later, Object.keys(own).length + later, "parameters.tags");
  return fits.ok ? ok(Object.fromEntries(tags)) : fits;
}

/**
 * Checks that tags which a disk gets beside those that it has leave room for the driver's own, such as VMs in
 * quarantine. `added` has none of these; what the disk has already is no reason to refuse it.
 */
export function checkAddedTags(
  present: Tags,
  added: Tags,
  field: string,
): Result<void, FailureOf<"InvalidArgument">> {
  const merged = mergeTags(present, added);
  const names = Object.keys(merged).filter((name) => !isLaterTag(name));
  const isNew = Object.keys(merged).length > Object.keys(present).length;
  const own = names.filter(isOwnTag).length + LATER_TAGS;
  return isNew ? checkCount(names.length + LATER_TAGS, own, field) : ok(undefined);
}

function checkCount(count: number, own: number, field: string): Result<void, FailureOf<"InvalidArgument">> {
  return count > TAGS_MAX
    ? refuseArgument(
        field,
        `${count} tags`,
        `Azure takes at most ${TAGS_MAX} tags, ${own} of them the driver's own`,
      )
    : ok(undefined);
}

/** Whether a tag is one of those for which room is left: tags that name the disk's volume, and its state. */
function isLaterTag(name: string): boolean {
  return /^disk\.csi\.azure\.com/iu.test(name);
}

function ownTags(metadata: VolumeMetadata): Tags {
  const tags: Record<string, string> = { [CREATED_BY.name]: CREATED_BY.value };
  for (const parameter of metadataParameterNames) {
    const value = metadata[parameter];
    if (value !== undefined) tags[metadataTagNames[parameter]] = value;
  }
  return tags;
}

function splitPairs(text: string, delimiter: string): readonly string[] {
  return text === "" ? [] : text.split(delimiter).map((pair) => pair.trim());
}

function parseTag(
  pair: string,
  fill: (template: string) => Result<string, FailureOf<"InvalidArgument">>,
): Result<{ readonly name: string; readonly value: string }, FailureOf<"InvalidArgument">> {
  const separator = pair.indexOf("=");
  if (separator < 0) return refuseArgument("parameters.tags", pair, "must have the form name=value");
  const name = pair.slice(0, separator).trim();
  if (name === "" || name.length > TAG_NAME_MAX_CHARS)
    return refuseArgument("parameters.tags", pair, `a tag's name has 1 to ${TAG_NAME_MAX_CHARS} characters`);
  if (ILLEGAL_IN_TAG_NAME.test(name))
    return refuseArgument("parameters.tags", pair, "a tag's name must not contain any of < > % & ? \\ /");
  if (isOwnTag(name)) return refuseArgument("parameters.tags", pair, "is a tag that the driver sets itself");
  const value = fill(pair.slice(separator + 1).trim());
  if (!value.ok) return value;
  if (value.value.length > TAG_VALUE_MAX_CHARS)
    return refuseArgument(
      "parameters.tags",
      pair,
      `a tag's value has at most ${TAG_VALUE_MAX_CHARS} characters`,
    );
  return ok({ name, value: value.value });
}

/** The value of parameter `name` with its templates filled in. */
export function fillIn(
  name: "tags" | "diskName",
  template: string,
  metadata: VolumeMetadata,
): Result<string, FailureOf<"InvalidArgument">> {
  let value = template;
  for (const [placeholder, parameter] of Object.entries(templates)) {
    if (!value.includes(placeholder)) continue;
    const filling = metadata[parameter];
    if (filling === undefined)
      return refuseArgument(
        `parameters.${name}`,
        template,
        `${placeholder} is not known: start external-provisioner with --extra-create-metadata, and ` +
          "csi-resizer with --extra-modify-metadata",
      );
    value = value.replaceAll(placeholder, () => filling);
  }
  return ok(value);
}
