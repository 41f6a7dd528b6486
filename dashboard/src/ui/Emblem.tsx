// The reactor as a mark.

export function Emblem({ size }: { readonly size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 34 34" fill="none" stroke="var(--cy)" aria-hidden="true">
      <circle cx="17" cy="17" r="15.5" strokeOpacity=".35" />
      <circle cx="17" cy="17" r="10.5" strokeWidth="3" strokeDasharray="8.5 2.5" />
      <circle cx="17" cy="17" r="4.5" fill="#d9f6ff" stroke="none" />
    </svg>
  );
}
