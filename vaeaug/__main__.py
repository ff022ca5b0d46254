from vaeaug.cli import main

main()
