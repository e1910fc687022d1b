import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure, FailureOf } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type {
  ListVolumesRequest,
  ListVolumesResponse,
  ListVolumesResponse_Entry,
} from "../gen/csi/v1/csi.ts";
import { type PublicationPorts, publishedNodes } from "../messages/published-nodes.ts";
import { volumeMessage } from "../messages/volume-message.ts";

/** A page fits a message many times over. */
const ENTRIES_MAX = 1000;
const TOKEN_PREFIX = "after:";

/**
 * ListVolumes: every volume whose disk exists, oldest first, with the nodes that it is published on. From
 * the cache: no request to store or cloud.
 */
export async function listVolumes(
  context: PublicationPorts & { readonly cache: Pick<ObjectCache, "list"> },
  request: ListVolumesRequest,
): Promise<Result<ListVolumesResponse, Failure>> {
  const { maxEntries, startingToken } = request;
  if (maxEntries < 0)
    return fail({
      kind: "InvalidArgument",
      field: "max_entries",
      value: String(maxEntries),
      problem: "must not be negative; 0 means any number",
    });
  const after = readToken(startingToken);
  if (!after.ok) return after;
  const volumes = context.cache
    .list("AzVolume")
    .filter((volume) => volume.status?.detail !== undefined && positionOf(volume) > after.value)
    .toSorted((left, right) => (positionOf(left) < positionOf(right) ? -1 : 1));
  const page = volumes.slice(0, maxEntries === 0 ? ENTRIES_MAX : Math.min(maxEntries, ENTRIES_MAX));
  const last = page.at(-1);
  const isLastPage = page.length === volumes.length || last === undefined;
  return ok({
    entries: page.flatMap((volume) => entryOf(context, volume)),
    nextToken: isLastPage ? "" : writeToken(last),
  });
}

function entryOf(context: PublicationPorts, volume: AzVolume): readonly ListVolumesResponse_Entry[] {
  const detail = volume.status?.detail;
  if (detail === undefined) return [];
  return [{ volume: volumeMessage(detail), status: { publishedNodeIds: publishedNodes(context, volume) } }];
}

/** Volumes created between two pages come last; a token outlives the volume that it was made of. */
function positionOf(volume: AzVolume): string {
  return `${volume.metadata.creationTimestamp} ${volume.metadata.name}`;
}

function writeToken(volume: AzVolume): string {
  return `${TOKEN_PREFIX}${Buffer.from(positionOf(volume)).toString("base64url")}`;
}

function readToken(token: string): Result<string, FailureOf<"InvalidToken">> {
  if (token === "") return ok("");
  const position = Buffer.from(token.slice(TOKEN_PREFIX.length), "base64url").toString();
  const isOurs = token.startsWith(TOKEN_PREFIX) && /^\d{4}-\S+ \S+$/u.test(position);
  return isOurs ? ok(position) : fail({ kind: "InvalidToken", token });
}
