// Cursors, `version.offset`: what has been received of a session. They are the service's; the client keeps the latest
// and compares, since what is sent twice must be shown once.

/** Whether a place lies after another one. */
export function isAfter(cursor: string, other: string): boolean {
  const [version, offset] = parts(cursor);
  const [otherVersion, otherOffset] = parts(other);
  return version > otherVersion || (version === otherVersion && offset > otherOffset);
}

function parts(cursor: string): [version: number, offset: number] {
  const [version, offset] = cursor.split(".");
  return [Number(version), Number(offset ?? 0)];
}
