from fake import main

main("loyalty")
