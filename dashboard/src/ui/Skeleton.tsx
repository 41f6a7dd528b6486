// Placeholders of the final size, so that nothing jumps when the first state arrives.

export function Skeleton({ rows, height }: { readonly rows: number; readonly height: number }) {
  return (
    <div className="skeletons" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows are alike and never move
        <span key={i} className="skeleton" style={{ height: height - 12 }} />
      ))}
    </div>
  );
}
