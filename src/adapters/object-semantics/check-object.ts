import * as z from "zod";
import { azDriverNodeSchema } from "../../core/api/schema/az-driver-node.schema.ts";
import { azVolumeAttachmentSchema } from "../../core/api/schema/az-volume-attachment.schema.ts";
import { azVolumeSchema } from "../../core/api/schema/az-volume.schema.ts";
import { clusterNodeSchema } from "../../core/api/schema/cluster-node.schema.ts";
import { leaseSchema } from "../../core/api/schema/lease.schema.ts";
import { specRules } from "../../core/api/spec-rules.ts";
import type { SpecRule } from "../../core/api/spec-rules.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Kind, KindMap } from "../../ports/store/object-store.ts";
import { metadataProblem } from "./check-metadata.ts";
import { jsonBytesAtMost } from "./plain-json.ts";
import { asKind } from "./stored-object.ts";
import type { StoredObject } from "./stored-object.ts";

/** The largest object that a store takes, as JSON; the API server's own limit is of this order. */
const OBJECT_BYTES_MAX = 1024 * 1024;

const schemas = {
  AzVolume: azVolumeSchema,
  AzVolumeAttachment: azVolumeAttachmentSchema,
  AzDriverNode: azDriverNodeSchema,
  ClusterNode: clusterNodeSchema,
  Lease: leaseSchema,
} as const;

const rules: { readonly [K in Kind]: readonly SpecRule<KindMap[K]["spec"]>[] } = specRules;

/** The object of a caller: only fields that callers may choose are read, the rest is the store's. */
const incomingSchema = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string().optional(),
    resourceVersion: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    finalizers: z.array(z.string()).optional(),
  }),
  spec: z.unknown().optional(),
  status: z.unknown().optional(),
});

/** An object as a caller passes it. */
export type IncomingObject = z.infer<typeof incomingSchema>;

/** Reads a caller's object. Fails with `ObjectInvalid`, naming the field. */
export function readIncoming(kind: Kind, name: string, value: unknown): Result<IncomingObject> {
  const parsed = incomingSchema.safeParse(value);
  if (!parsed.success) return invalid(kind, name, issuesText(parsed.error));
  if (parsed.data.metadata.name !== name)
    return invalid(
      kind,
      name,
      `metadata.name: "${parsed.data.metadata.name}" is not the name asked for, "${name}"`,
    );
  return ok(parsed.data);
}

/**
 * Checks a whole object as it would be stored, against its kind's schema, the metadata rules and the
 * kind's rules on `spec`; `old` is what it replaces. Returns it without the fields that the schema
 * doesn't know. Fails with `ObjectInvalid`, naming each field.
 */
export function checkObject<K extends Kind>(
  kind: K,
  candidate: StoredObject,
  old: StoredObject | undefined,
): Result<StoredObject> {
  const { name } = candidate.metadata;
  const metadata = candidate.metadata === old?.metadata ? undefined : metadataProblem(candidate.metadata);
  if (metadata !== undefined) return invalid(kind, name, metadata);
  const parsed = parseChanged(kind, candidate, old);
  if (!parsed.ok) return invalid(kind, name, parsed.failure);
  const object = parsed.value;
  const broken =
    object.spec === old?.spec
      ? []
      : brokenRules(kind, asKind<K>(object).spec, old === undefined ? undefined : asKind<K>(old).spec);
  if (broken.length > 0) return invalid(kind, name, broken.join("; "));
  const sizeBytes =
    jsonBytesAtMost(object) <= OBJECT_BYTES_MAX ? 0 : Buffer.byteLength(JSON.stringify(object));
  if (sizeBytes > OBJECT_BYTES_MAX)
    return invalid(kind, name, `the object has ${sizeBytes} bytes, more than ${OBJECT_BYTES_MAX}`);
  return ok(object);
}

/** Parses an object part by part; a part that is the old object's own was parsed when it came. */
function parseChanged(
  kind: Kind,
  candidate: StoredObject,
  old: StoredObject | undefined,
): Result<StoredObject, string> {
  const { metadata, spec, status } = schemas[kind].shape;
  const problems: string[] = [];
  const parsed = <T>(name: "metadata" | "spec" | "status", schema: z.ZodType<T>, part: T): T => {
    if (old !== undefined && part === old[name]) return part;
    const result = schema.safeParse(part);
    if (result.success) return result.data;
    problems.push(issuesText(result.error, name));
    return part;
  };
  const object = {
    metadata: parsed("metadata", metadata, candidate.metadata),
    spec: parsed<unknown>("spec", spec, candidate.spec),
    ...(candidate.status === undefined
      ? {}
      : { status: parsed<unknown>("status", status, candidate.status) }),
  };
  return problems.length === 0 ? ok(object) : fail(problems.join("; "));
}

/** `ObjectInvalid` as a result. */
export function invalid(
  kind: Kind,
  name: string,
  problem: string,
): { readonly ok: false; readonly failure: Failure } {
  return fail({ kind: "ObjectInvalid", objectKind: kind, name, problem });
}

function brokenRules<K extends Kind>(
  kind: K,
  spec: KindMap[K]["spec"],
  old: KindMap[K]["spec"] | undefined,
): readonly string[] {
  return rules[kind].filter((rule) => !rule.holds(spec, old)).map((rule) => `${rule.field}: ${rule.message}`);
}

function issuesText(error: z.ZodError, part?: string): string {
  const within = part === undefined ? [] : [part];
  return error.issues
    .map((issue) => `${[...within, ...issue.path].join(".") || "object"}: ${issue.message}`)
    .join("; ");
}
