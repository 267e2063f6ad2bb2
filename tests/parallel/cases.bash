# shellcheck shell=bash disable=SC2016,SC1003,SC2086
# Command lines that mean the same to GNU parallel and to `drover run`, in groups. Each is a line `c WORDS...`, with
# standard input (as printf has it) before it: `i TEXT c WORDS...`. `show` prints its arguments in brackets.

group 'where arguments come from'
c show ::: a b c
c 'show {}' ::: a b c
c show {} ::: a b c
c show ::: a
i 'a\nb\n' c show
i 'a\nb\n' c show {}
i 'a\nb' c show {}
i 'a b\n' c show {}
i '' c show {}
i '\n' c show x{}
i 'a\n\nb\n' c show x{}
i 'a\nb\n' c show {} :::
i 'a\nb\n' c show :::
i 'a\nb\n' c show {} :::: -
i 'a\nb\n' c -a - show {}
c show {} :::: abc
c -a abc show {}
c --arg-file abc show {}
c -aabc show {}
c --arg-file=abc show {}
c -a abc -a xy show {1} {2}
c -a abc show {1} {2} ::: x y
c show {1} {2} :::: abc xy
c show {1} {2} :::: abc ::: x y
c show {1} {2} ::: x y :::: abc
c show {1} {2} :::: abc :::: xy
i 'a\nb\n' c show {1} {2} :::: - xy
i 'a\nb\n' c show {1} {2} ::: x y :::: -
c --arg-sep ,, show {} ,, a b
c --arg-sep ,, show ::: ,, a b
c --arg-sep=:: show {} :: a b
c --arg-file-sep @ show {} @ abc
c --arg-sep ,, --arg-file-sep @ show {1} {2} ,, 1 2 @ xy
c show a ::: b
c show {1} {2} ::: a :::
c show {1} {2} ::: ::: a

group 'combinations, and sources that are linked'
c show {1} {2} ::: a b ::: 1 2 3
c show {2} {1} ::: a b ::: 1 2 3
c show {} ::: a b ::: 1 2
c show ::: a b ::: 1 2 ::: x y
c show {1} {3} ::: a ::: b ::: c d
c show {1} {2} ::: a b c :::+ 1 2 3
c show {1} {2} ::: a b c :::+ 1 2
c show {1} {2} ::: a b :::+ 1 2 3
c show ::: a b c :::+ 1 2 3 ::: X Y :::+ 11 22
c show ::: a b ::: 1 2 :::+ x y
c show ::: a b :::+ c d :::+ e f
c show {1} {2} :::: abc ::::+ xy
c show {1} {2} ::: 1 2 3 ::::+ abc
i '1\n2\n3\n' c show {1} {2} :::: - ::::+ abc
c --link show {1} {2} ::: a b c ::: 1 2 3
c --link show {1} {2} ::: a b c ::: 1 2
c --link show {1} {2} ::: a b ::: 1 2 3
c --link show {1} {2} {3} ::: 1 2 ::: I II III ::: a b c d e f g
c --xapply show {1} {2} ::: a b ::: 1 2
c --link show {} :::: abc xy
i '1\n2\n' c --link show {} :::: - abc

group 'replacement strings'
c show {.} ::: a.b dir/a.b dir.d/a .a a. a.b.c
c show {/} ::: a.b dir/a.b dir.d/a /a/b/c a
c show {//} ::: a.b dir/a.b dir.d/a /a/b/c /a a
c show {/.} ::: a.b dir/a.b dir.d/a /a/b/c.d a
c show {#} ::: a b c
c show {#}{} ::: a b c
c show {#} {} ::: a b c
c show {1.} {1/} {1//} {1/.} ::: x/y.z
c show {2.} {2/} {2//} {2/.} ::: q ::: x/y.z
c show {-1} {-2} ::: a ::: b
c show {-1.} {-1/} ::: a ::: x/b.c
c show {.} ::: a.1 b.2 ::: c.3
c show {}{} ::: a b
c show x{}y{}z ::: a b
c show '{}' "{}" ::: a
c show {} {} {} ::: a
c show {x} {} ::: a
c show {x} ::: a
c show { } ::: a
c show {{}} ::: a
c show '{' '}' ::: a
c show {}} {{} ::: a
c show a{1}b{2}c ::: 1 ::: 2
c -I ,, show ,, ::: a b
c -I ,, show {} ,, ::: a b
c -I _ show a_b _ ::: x
c -I _ show {.} ::: x.y
c -I {} show {} ::: a
c -I% show % ::: a b
c 'show {} # {#}' ::: a b
c '{}' ::: 'show a' 'show b'
c '{} x' ::: 'show a'
c '{1} {2}' ::: show ::: a b
c '{1} {2}' ::: show ::: 'a b'
c {} {} ::: show

group 'no command: the arguments are commands'
c ::: 'show a' 'show b'
c ::: 'show a b; show c' 'show "d e"'
c ::: 'show $((1+1))'
i 'show a\nshow b c\n' c
i 'show a; show b\nshow "c d"\n' c
c :::: commands
c -a commands
c ::: show ::: a b
c ::: show ::: 'a b'
i 'show a\n' c :::: -
i 'show a\n' c -a -

group 'commands with words and options of their own'
c show -n {} ::: a
c show -k 1 {} ::: a
c show -q x {} ::: a
c show --json {} ::: a
c show -zxf {} ::: a
c show --in {} ::: a
c show -j 4 {} ::: a
c show --help ::: a
c show -- {} ::: a
c show --colsep , {} ::: a,b
c show '[ {} = a ]' ::: a
c '[ {} = a ] && show yes' ::: a
c 'show [a,b] {}' ::: c
c show [x] ::: c
c show [a,b] {} ::: c
c show '  two  blanks  ' {} ::: a
c 'show "two  blanks" {}' ::: a
c show '"two  blanks"' {} ::: a
c 'show {};show {}' ::: a b
c show {} \; show {} ::: a
c 'show {} | cat' ::: a b
c 'show $(echo {})' ::: a b
c 'for i in 1 2; do show {}$i; done' ::: a b
c 'x={}; show $x' ::: a b
c show '>' ::: a
c 'cd / && pwd' ::: a
c -- show {} ::: a
c -k -- show -k {} ::: a
c show : {} ::: a
c show {} ::: : a :
c show {} ::: - -- -x --long
c show {} ::: '[a,b]' '[a]' '[]'

group 'arguments are data'
c show {} ::: '' 'a b' ' a' 'a ' '	tab'
c show {} ::: "it's" 'say "hi"' 'back\slash' '\n' '\'
c show {} ::: '$HOME' '`id`' '$(id)' '${x}' '!x' '#x' 'a#b' '~' '~root' '=a' 'a=b'
c show {} ::: '*' '?' '[a-z]' '{a,b}' '{1..3}' '{}' '{1}' '%' '%s' '%%'
c show {} ::: ';' '&' '|' '>' '<' '(' ')' '&&' '||' '>x'
c show {} ::: -e -n -x --version --help --run-dir
c show {} ::: ':::' 
c show {} ::: 'a::b' ':' '::'
c show {} ::: $'\x01' $'\x7f' $'\x1b[1m'
c show {} ::: äöü 日本 $'\xff\xfe'
c show x{}y ::: 'a b' "q'q" '$x'
c show '"{}"' ::: a
i "a 'b' \"c\"\n" c show {}
i '$x `y` \\\\ z\n' c show {}
i '  lead\ntrail  \n' c show {}
i '\ttab\t\n' c show {}
i '# no comment\n' c show {}
i '%s %d\n' c show {}
i ':::\n' c show {}
i -- '-x\n--y\n' c show {}
c -q show 'a  b' '$HOME' {} ::: c
c -q show 'a;b' '*' {} ::: 'c  d'
c -q show "it's" {}x ::: 'a b'
c -q show x{}y ::: 'a b'
c -q show '' {} ::: a
c --quote show '"' {} ::: a

group 'records'
i 'a\0b\0' c -0 show {}
i 'a\nb\0c\0' c -0 show {}
i 'a\0b' c --null show {}
i 'a,b,c' c -d , show {}
i 'a;b;c;' c -d ';' show {}
i 'a\tb' c -d '\t' show {}
i 'a:b' c --delimiter : show {}
i 'a:b' c -d: show {}
i 'a\0b' c -d '\0' show {}
i 'a\nEND\nb\n' c -E END show {}
i 'a\nb\n' c -E END show {}
c -E b show {} ::: a b c
c -E b show {1}{2} ::: a b c ::: x y
i 'a\n\n \nb\n' c -r show {}
i '' c -r show {}
i '\n' c --no-run-if-empty show {}
c --trim n show {} ::: ' a '
c --trim l show {} ::: ' a '
c --trim r show {} ::: ' a '
c --trim lr show {} ::: ' a '
c --trim rl show {} ::: ' a b '
i ' a \n' c --trim lr show {}

group 'columns'
i 'a,b\nc,d\n' c --colsep , show {1} {2}
i 'a,b\nc,d\n' c -C , show {2} {1}
i 'a,b\n' c --colsep , show {}
i 'a , b\n' c --colsep , show {1} {2}
i 'a , b\n' c --colsep , --trim n show {1} {2}
i 'a\tb\n' c --colsep '\t' show {2}
i 'a  b\n' c --colsep ' +' show {2}
i 'a1b22c\n' c --colsep '[0-9]+' show {1} {2} {3}
i 'a|b\n' c --colsep '\|' show {2}
i 'a,b\nc\n' c --colsep , show {1} {2}
i 'a,,c\n' c --colsep , show {1} {2} {3}
i 'x/y.z,b\n' c --colsep , show {1/} {1.} {2}
c --colsep - show {4} {3} {2} {1} ::: A-B C-D ::: e-f g-h
c --colsep : show {1} {2} ::: a:b c:d
c --header : show {x} {y} ::: x 1 2 ::: y 3 4
c --header : show {1} {2} ::: x 1 2 ::: y 3 4
c --header : show {x/} {x.} {x//} {x/.} ::: x a/b.c
c --header : show {y} :::: head-of-one
i 'n,m\n1,2\n3,4\n' c --colsep , --header : show {m} {n}
i 'n,m\n1,2\n' c -C , --header : show {n} {2}
i 'n\n1\n2\n' c --header : show {n}
c --header : show {a} {b} ::: a 1 2 :::+ b x y

group 'several arguments a command'
c -n2 show ::: 1 2 3
c -n 2 show {} ::: 1 2 3
c --max-args 2 show {} ::: 1 2 3 4
c -n2 show pre{}post ::: 1 2 3
c -N2 show {1} {2} ::: 1 2 3 4
c -N2 show {2}-{1} ::: 1 2 3 4 5
c -N 3 show ::: 1 2 3 4 5
c --max-replace-args=2 show {1} ::: 1 2 3
c -N2 show pre{}post ::: 1 2 3
c -N2 -m show pre{}post ::: 1 2 3
c -N2 show ::: 1 2 ::: 3 4
c -N2 show {1.} {2/} ::: a.b c/d
c -N1 show {} ::: 1 2
c -n1 show {} ::: 1 2
c -L2 show ::: 1 2 3
c -L 1 show ::: 1 2 3
i '1\n2\n3\n' c -N2 show {}
i '1\n2\n3\n' c -n2 show
c -X show ::: 1 2 3
c -X show pre{}post ::: 1 2 3
c -X show {.}x{} ::: 1.a 2.b
c -m show ::: 1 2 3
c -m show pre{}post ::: 1 2 3
c --xargs show ::: 1 2 3
c --xargs show {} x {} ::: 1 2 3
c -s 20 --xargs show ::: aaaa bbbb cccc dddd eeee
c -s 25 -X show ::: aaaa bbbb cccc dddd eeee
c --max-chars 18 -m show ::: aa bb cc dd ee ff
c -X show {} ::: 'a b' "c'd"
c -N2 show {} ::: 'a b' c

group 'options that change no command'
c --will-cite show ::: a
c --gnu show ::: a
c --group show ::: a
c -u show ::: a
c --lb show ::: a
c --line-buffer show ::: a
c -j1 show ::: a b
c -j 2 show ::: a
c -P2 show ::: a
c --jobs 2 show ::: a
c --max-procs=2 show ::: a
c -j 50% show ::: a
c -j +0 show ::: a
c -j -1 show ::: a
c -kj1 show ::: a b
c --halt never show ::: a
c --halt 0 show ::: a
c --halt now,fail=1 show ::: a
c --halt-on-error 2 show ::: a
c --timeout 10 show ::: a
