import { storeUnavailable } from "../../core/failure/frequent-failures.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import type { Kind } from "../../ports/store/object-store.ts";
import { checkObject, invalid, readIncoming } from "./check-object.ts";
import type { IncomingObject } from "./check-object.ts";
import { plainJson } from "./plain-json.ts";
import type { LoggedChange } from "./select-event.ts";
import type { ObjectMeta, StoredObject } from "./stored-object.ts";

/** The effect of a write on the store, and the object that the caller receives. */
export interface WriteDecision {
  /** Undefined: the object is as the write wants it already. */
  readonly change: LoggedChange["type"] | undefined;
  /** With the version of the change; for DELETED the last state. */
  readonly object: StoredObject;
}

/**
 * What a decision needs from outside: the version that the write would have, the time, and a uid for a new
 * object.
 */
export interface WriteContext {
  readonly resourceVersion: string;
  readonly nowMs: number;
  readonly newUid: () => string;
  /**
   * Why admission refuses to put `after` in the place of `before`; undefined: it does not. Default: none is
   * refused.
   */
  readonly refusal?: Admission | undefined;
}

/**
 * What Kubernetes asks its validating admission policies: `before` is undefined at a creation, `after` at a
 * deletion.
 */
export type Admission = (
  before: StoredObject | undefined,
  after: StoredObject | undefined,
) => Denial | undefined;

/**
 * Why a policy refuses a write. `isForbidden`: its rule's reason is `Forbidden` (403), not the default,
 * `Invalid` (422).
 */
export interface Denial {
  readonly message: string;
  readonly isForbidden?: boolean | undefined;
}

/** A write and its target; objects come from callers unchecked. */
export type WriteRequest = PutRequest | DeleteRequest;

interface PutRequest {
  readonly verb: "create" | "update" | "updateStatus";
  readonly kind: Kind;
  readonly name: string;
  readonly object: unknown;
}

interface DeleteRequest {
  readonly verb: "delete";
  readonly kind: Kind;
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/**
 * Decides a write by Kubernetes' rules, given the present object. Pure: the store carries the decision
 * out. Fails with `ObjectNotFound`, `ObjectAlreadyExists`, `ObjectConflict`, `ObjectInvalid`, or
 * `StoreUnavailable` if admission forbids the write. In the order of the API server's generic registry
 * (`Create`, `Update` and `Delete` of k8s.io/apiserver/pkg/registry/generic/registry/store.go):
 * admission comes last, after the checks for a missing object, a conflict and an invalid object; but a
 * creation's name is checked for existence only after admission.
 */
export function decideWrite(
  request: WriteRequest,
  current: StoredObject | undefined,
  context: WriteContext,
): Result<WriteDecision> {
  if (request.verb === "create") {
    const created = admitted(request, undefined, decideCreate(request, current, context), context);
    return current === undefined || !created.ok
      ? created
      : fail({ kind: "ObjectAlreadyExists", objectKind: request.kind, name: request.name });
  }
  if (current === undefined)
    return fail({ kind: "ObjectNotFound", objectKind: request.kind, name: request.name });
  if (request.verb === "delete")
    return admitted(request, current, decideDelete(request, current, context), context);
  const read = readReplacement(request, current);
  if (!read.ok) return read;
  const decide = request.verb === "update" ? decideUpdate : decideUpdateStatus;
  return admitted(request, current, decide(request.kind, read.value, current, context), context);
}

function admitted(
  { verb, kind, name }: WriteRequest,
  before: StoredObject | undefined,
  decided: Result<WriteDecision>,
  { refusal }: WriteContext,
): Result<WriteDecision> {
  if (!decided.ok) return decided;
  const refused = refusal?.(before, verb === "delete" ? undefined : decided.value.object);
  if (refused === undefined) return decided;
  const problem = `denied request: ${refused.message}`;
  return refused.isForbidden === true ? storeUnavailable(problem) : invalid(kind, name, problem);
}

/** The object that a creation makes, also if one of that name exists: then it gets no uid of its own. */
function decideCreate(
  request: PutRequest,
  current: StoredObject | undefined,
  context: WriteContext,
): Result<WriteDecision> {
  const read = readIncoming(request.kind, request.name, plainJson(request.object));
  if (!read.ok) return read;
  const { metadata, spec } = read.value;
  if ((metadata.resourceVersion ?? "") !== "")
    return invalid(
      request.kind,
      request.name,
      "metadata.resourceVersion: must not be set on an object to be created",
    );
  const candidate: StoredObject = {
    metadata: {
      name: metadata.name,
      uid: current?.metadata.uid ?? context.newUid(),
      resourceVersion: context.resourceVersion,
      generation: 1,
      creationTimestamp: timestamp(context.nowMs),
      ...chosenMetadata(metadata),
    },
    spec,
  };
  const checked = checkObject(request.kind, candidate, undefined);
  return checked.ok ? ok({ change: "ADDED", object: checked.value }) : checked;
}

function decideUpdate(
  kind: Kind,
  incoming: IncomingObject,
  current: StoredObject,
  context: WriteContext,
): Result<WriteDecision> {
  const { name } = current.metadata;
  const added = (incoming.metadata.finalizers ?? []).filter(
    (finalizer) => !(current.metadata.finalizers ?? []).includes(finalizer),
  );
  if (current.metadata.deletionTimestamp !== undefined && added.length > 0)
    return invalid(
      kind,
      name,
      "metadata.finalizers: no new finalizers can be added to an object that is being deleted: " +
        `${added.join(", ")}`,
    );
  const isSameSpec = sameJson(incoming.spec, current.spec);
  const spec = isSameSpec ? current.spec : incoming.spec;
  const metadata = { ...storeMetadata(current.metadata), ...chosenMetadata(incoming.metadata) };
  const checked = checkObject(
    kind,
    { ...current, metadata: sameJson(metadata, current.metadata) ? current.metadata : metadata, spec },
    current,
  );
  if (!checked.ok) return checked;
  // Fields that the schema does not know are gone by now.
  const specChanged = !sameJson(checked.value.spec, current.spec);
  return ok(
    replace(current, checked.value, {
      resourceVersion: context.resourceVersion,
      generation: current.metadata.generation + (specChanged ? 1 : 0),
    }),
  );
}

function decideUpdateStatus(
  kind: Kind,
  incoming: IncomingObject,
  current: StoredObject,
  context: WriteContext,
): Result<WriteDecision> {
  const { metadata, spec } = current;
  const candidate =
    incoming.status === undefined ? { metadata, spec } : { metadata, spec, status: incoming.status };
  const checked = checkObject(kind, candidate, current);
  return checked.ok
    ? ok(
        replace(current, checked.value, {
          resourceVersion: context.resourceVersion,
          generation: metadata.generation,
        }),
      )
    : checked;
}

function decideDelete(
  request: DeleteRequest,
  current: StoredObject,
  context: WriteContext,
): Result<WriteDecision> {
  const { metadata } = current;
  const isOther =
    (request.uid !== undefined && request.uid !== metadata.uid) ||
    (request.resourceVersion !== undefined && request.resourceVersion !== metadata.resourceVersion);
  if (isOther) return fail({ kind: "ObjectConflict", objectKind: request.kind, name: request.name });
  if ((metadata.finalizers ?? []).length === 0)
    return ok({ change: "DELETED", object: withVersion(current, context.resourceVersion) });
  if (metadata.deletionTimestamp !== undefined) return ok({ change: undefined, object: current });
  // The API server moves the generation here as well: what the object's controllers have to do has changed.
  const marked = {
    ...metadata,
    resourceVersion: context.resourceVersion,
    generation: metadata.generation + 1,
    deletionTimestamp: timestamp(context.nowMs),
  };
  return ok({ change: "MODIFIED", object: { ...current, metadata: marked } });
}

function readReplacement(request: PutRequest, current: StoredObject): Result<IncomingObject> {
  const plain = plainJson(request.object, [current.metadata, current.spec]);
  if (isOfVersion(plain, current)) return ok(plain);
  const read = readIncoming(request.kind, request.name, plain);
  if (!read.ok) return read;
  const { uid, resourceVersion } = read.value.metadata;
  if ((resourceVersion ?? "") === "")
    return invalid(request.kind, request.name, "metadata.resourceVersion: must be given for an update");
  const isOther =
    resourceVersion !== current.metadata.resourceVersion ||
    (uid !== undefined && uid !== current.metadata.uid);
  return isOther ? fail({ kind: "ObjectConflict", objectKind: request.kind, name: request.name }) : read;
}

/** Whether an object has the very metadata that the store returned: that was read when it came. */
function isOfVersion(plain: unknown, current: StoredObject): plain is IncomingObject {
  return (
    typeof plain === "object" && plain !== null && "metadata" in plain && plain.metadata === current.metadata
  );
}

function replace(
  current: StoredObject,
  next: StoredObject,
  meta: { readonly resourceVersion: string; readonly generation: number },
): WriteDecision {
  // As in the API server, an unchanged write makes neither a version nor an event.
  if (sameJson(next, current)) return { change: undefined, object: current };
  const object: StoredObject = { ...next, metadata: { ...next.metadata, ...meta } };
  const isLastFinalizerGone =
    object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
  return { change: isLastFinalizerGone ? "DELETED" : "MODIFIED", object };
}

function withVersion(object: StoredObject, resourceVersion: string): StoredObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

/** The part of the metadata that only the store sets. */
function storeMetadata({
  name,
  uid,
  resourceVersion,
  generation,
  creationTimestamp,
  deletionTimestamp,
}: ObjectMeta): ObjectMeta {
  return {
    name,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

/** The part of the metadata that callers choose, without what is empty. */
function chosenMetadata({
  labels,
  annotations,
  finalizers,
}: IncomingObject["metadata"]): Pick<ObjectMeta, "labels" | "annotations" | "finalizers"> {
  return {
    ...(labels === undefined || Object.keys(labels).length === 0 ? {} : { labels }),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(finalizers === undefined || finalizers.length === 0 ? {} : { finalizers }),
  };
}

/** Kubernetes' time stamps have whole seconds. */
function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}
