#!/bin/sh
# Lays out the root of the image in the folder that is named: Node, the libraries that it is linked to, and what glibc
# reads. Called by the Dockerfile, in an image that has Node: sh image-root.sh FOLDER
set -eu
root=$1
node=$(command -v node)

mkdir -p "$root/usr/local/bin" "$root/etc"
# /bin and /lib are links where the distribution has merged them into /usr: the loader's path must hold here as well.
for folder in /bin /lib /lib64 /sbin; do
  if [ -L "$folder" ]; then
    mkdir -p "$root/usr$folder"
    cp -d "$folder" "$root$folder"
  fi
done
cp "$node" "$root/usr/local/bin/node"

# `name => path (address)`, and the loader as `path (address)`; what the kernel provides has no path.
ldd "$node" | sed -nE 's#^(.*=> )?[[:space:]]*(/[^ ]+) \(.*#\2#p' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
  # Scanners find out by these which packages are in an image that has no dpkg, as in Google's distroless ones.
  if package=$(dpkg-query -S "$library" "$(realpath "$library")" 2>/dev/null | sed -n '1s/:.*//p') && [ -n "$package" ]; then
    mkdir -p "$root/var/lib/dpkg/status.d" "$root/usr/share/doc/$package"
    dpkg-query -s "$package" > "$root/var/lib/dpkg/status.d/$package"
    cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/" || true
  fi
done

for file in /etc/nsswitch.conf /etc/os-release /usr/local/LICENSE; do
  if [ -e "$file" ]; then
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  fi
done
printf 'root:x:0:0:root:/weir:/none\nweir:x:10001:10001:weir:/weir:/none\n' > "$root/etc/passwd"
printf 'root:x:0:\nweir:x:10001:\n' > "$root/etc/group"
mkdir -m 1777 "$root/tmp"
